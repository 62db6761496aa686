// SPDX-License-Identifier: GPL-2.0

//! What has happened so far, in numbers.

use crate::world::{
    PerWorld,
    WORLDS, //
};
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
    /// Refused for what the device is, or because it is frozen or removed.
    Objected,
    /// Refused for Live Update is switched off.
    SwitchedOff,
    /// Refused outside of what LUO asks for.
    NoHandover,
    Busy,
    /// Refused for a scan that may be changing bus numbers.
    Scan,
    Full,
    Overflow,
    NoMemory,
    NotPreserved,
    /// Given back because the device was removed.
    Removed,
    LookedUp,
    LookupNanos,
    RetrieveNanos,
    Arrived,
    Finished,
    NotIncoming,
    /// Never finished by a driver.
    Leftover,
}

/// The events as debugfs names them, in the order of [`Event`].
const NAMES: [&str; 19] = [
    "preserved",
    "unpreserved",
    "refused_device",
    "refused_off",
    "refused_no_handover",
    "refused_busy",
    "refused_scan",
    "refused_full",
    "refused_overflow",
    "refused_no_memory",
    "warned_not_preserved",
    "removed_while_preserved",
    "looked_up",
    "looked_up_ns",
    "retrieve_ns",
    "arrived",
    "finished",
    "warned_not_incoming",
    "never_finished",
];

static COUNTS: PerWorld<[Atomic<u64>; NAMES.len()]> =
    PerWorld::new([const { [const { Atomic::new(0) }; NAMES.len()] }; WORLDS]);

const _: () = assert!(Event::Leftover as usize == NAMES.len() - 1);

/// Counts `event` once.
pub(crate) fn count(event: Event) {
    add(event, 1);
}

/// Counts `event` `n` times.
pub(crate) fn add(event: Event, n: u64) {
    // CAST: the number of a variant is small. It is below the length of the array, see above.
    if let Some(count) = COUNTS.get(event as usize) {
        count.add(n, Relaxed);
    }
}

/// Does `work`, and adds the time that it took to `event`.
pub(crate) fn timed<T>(event: Event, work: impl FnOnce() -> T) -> T {
    let start = clock();
    let done = work();

    // Another processor may be a little behind.
    add(event, clock().saturating_sub(start));
    done
}

/// Nanoseconds. The clocks for everybody else only tick when devices are enumerated at boot.
fn clock() -> u64 {
    // SAFETY: Always safe to call.
    unsafe { bindings::pci_liveupdate_clock() }
}

/// Each event by name.
#[cfg(any(CONFIG_DEBUG_FS, CONFIG_PCI_LIVEUPDATE_KUNIT_TEST))]
pub(crate) fn iter() -> impl Iterator<Item = (&'static str, u64)> {
    NAMES
        .into_iter()
        .zip(COUNTS.iter())
        .map(|(name, count)| (name, count.load(Relaxed)))
}
