// SPDX-License-Identifier: GPL-2.0

//! Other programs, for scenarios about processes that end, and for examples.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::BufRead;
use std::io::BufReader;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError; //

use crate::errno::Errno;
use crate::errno::Result;
use crate::wire::Word; //

struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
}

/// The processes that were started and not waited for, by number.
#[derive(Default)]
pub(crate) struct Processes {
    running: Mutex<BTreeMap<u32, Process>>,
}

impl Processes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Process>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, number: u32) -> Result<Process> {
        self.lock().remove(&number).ok_or_else(|| Errno {
            code: libc::ESRCH,
            text: format!("agent: no process {number}"),
        })
    }

    /// Starts a program. What it says on stderr is on the console.
    pub(crate) fn start(&self, program: &Path, arguments: &[Word]) -> Result<u32> {
        let mut child = Command::new(program)
            .args(arguments.iter().map(|word| OsStr::from_bytes(word)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take();
        let output = output.ok_or_else(|| Errno::invalid("a process without output"))?;
        let number = child.id();
        let output = BufReader::new(output);

        self.lock().insert(number, Process { child, output });
        Ok(number)
    }

    /// Waits for the next line of its output, which is empty if the program has ended.
    pub(crate) fn line(&self, number: u32) -> Result<Word> {
        // Taken, because it may not answer for long.
        let mut process = self.take(number)?;
        let mut line = Word::new();
        let read = process.output.read_until(b'\n', &mut line);

        self.lock().insert(number, process);
        read?;
        Ok(line)
    }

    /// Kills a program, and waits until it is gone.
    pub(crate) fn kill(&self, number: u32) -> Result<()> {
        let mut process = self.take(number)?;

        process.child.kill()?;
        process.child.wait()?;
        Ok(())
    }

    /// Waits until a program ends, and returns its status: negative if it was a signal.
    pub(crate) fn wait(&self, number: u32) -> Result<i32> {
        let status = self.take(number)?.child.wait()?;
        let signal = status.signal().map(|signal| -signal);

        status
            .code()
            .or(signal)
            .ok_or_else(|| Errno::invalid("a process without status"))
    }
}
