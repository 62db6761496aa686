// SPDX-License-Identifier: GPL-2.0

//! What has happened so far, in numbers.

use kernel::{
    bindings,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// Something that is counted.
#[derive(Clone, Copy)]
pub(crate) enum Event {
    Preserved,
    Unpreserved,
    /// Not preserved for what the device is, or because it is frozen or removed.
    Ineligible,
    /// Not preserved as Live Update is switched off.
    Off,
    /// Not preserved outside of what LUO asks for.
    NoOutgoing,
    Busy,
    /// Not preserved during a scan that may be changing bus numbers.
    Scan,
    Full,
    Overflow,
    NotPreserved,
    /// Given back because the device was removed.
    Removed,
    LookedUp,
    RetrieveNanos,
    Arrived,
    Finished,
    NotIncoming,
    /// Another device where an incoming one was expected.
    OtherDevice,
    /// Never finished by a driver.
    Leftover,
}

/// The events as debugfs names them, in the order of [`Event`].
const NAMES: [&str; 18] = [
    "preserved",
    "unpreserved",
    "refused_device",
    "refused_off",
    "refused_no_handover",
    "refused_busy",
    "refused_scan",
    "refused_full",
    "refused_overflow",
    "warned_not_preserved",
    "removed_while_preserved",
    "looked_up",
    "retrieve_ns",
    "arrived",
    "finished",
    "warned_not_incoming",
    "other_device",
    "never_finished",
];

const _: () = assert!(Event::Leftover as usize == NAMES.len() - 1);

/// A number for each event.
pub(crate) struct Stats([Atomic<u64>; NAMES.len()]);

impl Stats {
    /// Nothing has happened.
    pub(crate) const fn new() -> Self {
        Self([const { Atomic::new(0) }; NAMES.len()])
    }

    /// Counts `event` once.
    #[inline]
    pub(crate) fn count(&self, event: Event) {
        self.add(event, 1);
    }

    /// Does `work`, and adds the time that it took to `event`.
    pub(crate) fn timed<T>(&self, event: Event, work: impl FnOnce() -> T) -> T {
        let start = clock();
        let done = work();

        // Another processor may be a little behind.
        self.add(event, clock().saturating_sub(start));
        done
    }

    /// Each event by name.
    #[cfg(CONFIG_DEBUG_FS)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        NAMES
            .into_iter()
            .zip(&self.0)
            .map(|(name, count)| (name, count.load(Relaxed)))
    }

    #[inline]
    fn add(&self, event: Event, n: u64) {
        // CAST: the number of a variant is small. It is below the length of the array, see above.
        if let Some(count) = self.0.get(event as usize) {
            count.add(n, Relaxed);
        }
    }
}

/// Nanoseconds. The clocks for everybody else only tick when devices are enumerated at boot.
fn clock() -> u64 {
    // SAFETY: Always safe to call.
    unsafe { bindings::pci_liveupdate_clock() }
}
