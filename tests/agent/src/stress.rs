// SPDX-License-Identifier: GPL-2.0

//! Requests that are repeated in threads, so that scenarios can provoke races.
//!
//! A thread repeats a list of steps. Errors are expected and do not stop it: they are counted by
//! errno, and the host checks which of them occurred.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread;
use std::thread::JoinHandle; //

use crate::errno::Errno;
use crate::errno::Result;
use crate::verbs::Args;
use crate::verbs::Primitives;
use crate::wire;
use crate::wire::Word; //

/// The results of a step by errno; 0 is success.
type Counts = BTreeMap<i32, u64>;

struct Running {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Counts>>,
}

/// The threads, by the name that the host chose.
pub(crate) struct Stress {
    primitives: Arc<Primitives>,
    running: Mutex<BTreeMap<String, Running>>,
}

/// Inserts earlier results into a step: the word `$N` is the first value of step N in this pass, or
/// nothing if that step failed.
fn fill(step: &[Word], results: &[Option<Word>]) -> Option<Vec<Word>> {
    let value = |word: &Word| -> Option<Word> {
        let Some(index) = word.strip_prefix(b"$") else {
            return Some(word.clone());
        };
        let index: usize = std::str::from_utf8(index).ok()?.parse().ok()?;
        results.get(index)?.clone()
    };
    step.iter().map(value).collect()
}

/// One pass. A step that needs the result of a failed one is skipped and not counted.
fn pass(primitives: &Primitives, steps: &[Vec<Word>], counts: &mut [Counts]) {
    let mut results = Vec::with_capacity(steps.len());

    for (step, count) in steps.iter().zip(counts) {
        let Some(request) = fill(step, &results) else {
            results.push(None);
            continue;
        };
        let (code, value) = match primitives.run(&request) {
            Ok(values) => (0, values.into_iter().next()),
            Err(err) => (err.code, None),
        };
        *count.entry(code).or_default() += 1;
        results.push(value);
    }
}

impl Stress {
    pub(crate) fn new(primitives: Arc<Primitives>) -> Self {
        Self {
            primitives,
            running: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts `passes` passes over `steps`, each of them a request joined to one word.
    fn start(&self, name: &str, passes: u64, steps: &[Word]) -> Result<()> {
        let parse = |step: &Word| std::str::from_utf8(step).ok().and_then(wire::split);
        let steps: Option<Vec<Vec<Word>>> = steps.iter().map(parse).collect();
        let steps = steps.ok_or_else(|| Errno::invalid("step is not a request"))?;
        let primitives = self.primitives.clone();
        let stop = Arc::<AtomicBool>::default();

        let mut running = self.lock();
        if running.contains_key(name) {
            return Err(Errno::invalid(format!("thread {name:?} exists")));
        }
        let stopped = stop.clone();
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            let mut counts = vec![Counts::new(); steps.len()];
            for _ in 0..passes {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                pass(&primitives, &steps, &mut counts);
            }
            counts
        })?;
        running.insert(name.into(), Running { stop, thread });
        Ok(())
    }

    fn take(&self, name: &str) -> Result<Running> {
        self.lock()
            .remove(name)
            .ok_or_else(|| Errno::invalid(format!("no thread {name:?}")))
    }

    /// Waits for a thread and returns a word per step: `ERRNO:TIMES,...`.
    fn join(&self, running: Running) -> Result<Vec<Word>> {
        let counts = running
            .thread
            .join()
            .map_err(|_| Errno::invalid("thread panicked"))?;
        let word = |count: &Counts| {
            let parts: Vec<String> = count
                .iter()
                .map(|(code, n)| format!("{code}:{n}"))
                .collect();
            parts.join(",").into_bytes()
        };
        Ok(counts.iter().map(word).collect())
    }

    pub(crate) fn run(&self, verb: &str, args: &mut Args<'_>) -> Result<Vec<Word>> {
        let name = args.text()?;
        match verb {
            "start" => {
                let passes = args.number()?;
                self.start(name, passes, args.remaining()).map(|()| vec![])
            }
            "join" => self.join(self.take(name)?),
            "stop" => {
                let running = self.take(name)?;
                running.stop.store(true, Ordering::Relaxed);
                self.join(running)
            }
            _ => Err(Errno::invalid(format!("no verb stress.{verb}"))),
        }
    }
}
