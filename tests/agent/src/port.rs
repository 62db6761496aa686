// SPDX-License-Identifier: GPL-2.0

//! The serial port to the host: complete lines in both directions.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::fd::AsFd; //

use crate::sys;
use crate::wire;
use crate::wire::Word; //

pub(crate) struct Port {
    file: File,
    /// Read from the port, but not returned yet.
    pending: Vec<u8>,
}

impl Port {
    /// Opens the port and disables echo, signals and translation.
    pub(crate) fn open(path: &str) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        sys::make_raw(file.as_fd())?;
        Ok(Self {
            file,
            pending: Vec::new(),
        })
    }

    fn receive_line(&mut self) -> io::Result<Vec<u8>> {
        let mut chunk = [0u8; 512];
        loop {
            if let Some(end) = self.pending.iter().position(|&byte| byte == b'\n') {
                let mut line: Vec<u8> = self.pending.drain(..=end).collect();
                line.pop();
                return Ok(line);
            }
            match self.file.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => self.pending.extend_from_slice(&chunk[..n]),
            }
        }
    }

    /// Returns the next valid line. Anything else, such as noise from a reset of the port, is
    /// dropped: the deadline of the host detects lost requests.
    pub(crate) fn receive(&mut self) -> io::Result<Vec<Word>> {
        loop {
            let line = self.receive_line()?;
            match wire::decode(&line) {
                Some(words) => return Ok(words),
                None => eprintln!("agent: dropped a damaged line of {} bytes", line.len()),
            }
        }
    }

    pub(crate) fn send(&mut self, words: &[Word]) -> io::Result<()> {
        self.file.write_all(wire::encode(words).as_bytes())
    }
}
