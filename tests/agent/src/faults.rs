// SPDX-License-Identifier: GPL-2.0

//! A request during which an allocation of the kernel fails, or that one and all after it.
//!
//! The kernel counts the allocations of a thread down, and has the one fail with which it comes to
//! zero. From then on it does not count: then all fail if the thread is one of those whose
//! allocations do. See `Documentation/fault-injection/fault-injection.rst`. What may fail at all is
//! chosen by the host, in `/sys/kernel/debug/failslab` and `fail_page_alloc`.

use std::fs::File;
use std::fs::OpenOptions;
use std::io::Read;
use std::io::Write;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering; //

use crate::errno::Errno;
use crate::errno::Result;
use crate::sys; //

/// What is left of the number after the last request: 0 if an allocation failed.
#[derive(Default)]
pub(crate) struct Faults {
    left: AtomicU32,
}

/// What fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The Nth allocation.
    One,
    /// And all after it.
    Rest,
}

/// A number that this thread has.
struct Setting(File);

impl Setting {
    fn open(name: &str) -> Result<Self> {
        let path = format!("/proc/thread-self/{name}");

        Ok(Self(OpenOptions::new().read(true).write(true).open(path)?))
    }

    fn set(&mut self, value: &[u8]) -> Result<()> {
        Ok(self.0.write_all(value)?)
    }

    fn get(&mut self) -> Result<u32> {
        let mut text = [0; 16];

        let len = self.0.read(&mut text)?;
        std::str::from_utf8(&text[..len])
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .ok_or_else(|| Errno::invalid("fail-nth is not a number"))
    }
}

impl Faults {
    /// Calls, and has the Nth allocation fail that the kernel makes for this thread meanwhile.
    pub(crate) fn during<T>(
        &self,
        extent: Extent,
        nth: u32,
        call: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let text = nth.to_string();
        self.left.store(u32::MAX, Ordering::Relaxed);
        let mut count = Setting::open("fail-nth")?;
        let mut rest = Setting::open("make-it-fail")?;

        // Memory of this program is nothing that may fail: it would be asked for without end.
        sys::reserve_memory()?;
        count.set(text.as_bytes())?;
        if extent == Extent::Rest {
            rest.set(b"1")?;
        }
        let result = call();
        rest.set(b"0")?;
        let left = count.get();
        count.set(b"0")?;
        self.left.store(left?, Ordering::Relaxed);
        result
    }

    /// See [`Faults`].
    pub(crate) fn left(&self) -> u32 {
        self.left.load(Ordering::Relaxed)
    }
}
