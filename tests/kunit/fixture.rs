// SPDX-License-Identifier: GPL-2.0

//! The core that a test works on.

use crate::{
    abi::{
        DevSer,
        Key,
        Ser, //
    },
    core::{
        Core,
        Handover,
        Incoming,
        Outgoing,
        Tables, //
    },
    flb::memory_for_blocks,
    logic::Policy,
    outgoing, //
};
use core::{
    mem,
    ops::Deref,
    ptr, //
};
use kernel::{
    error::to_result,
    kho,
    prelude::*,
    types::NotThreadSafe, //
};

extern "C" {
    fn pci_liveupdate_test_redirect(core: *mut c_void) -> c_int;
    fn pci_liveupdate_test_restore();
}

/// A core of its own for the current test, also where the PCI core calls its hooks.
///
/// Its memory is never preserved, so that KHO may be off.
///
/// # Invariants
///
/// In the task of the test, `pci_liveupdate_core()` returns `core`.
pub(crate) struct Fixture {
    core: Pin<KBox<Core>>,
    _task: NotThreadSafe,
}

impl Fixture {
    /// Makes a core, with Live Update switched on. A test has one at a time.
    pub(crate) fn new() -> Result<Self> {
        Self::with(Policy::Panic, || true)
    }

    /// The same with Live Update switched off.
    pub(crate) fn switched_off() -> Result<Self> {
        Self::with(Policy::Panic, || false)
    }

    /// The same with another policy, for what is refused.
    #[cfg(CONFIG_FAULT_INJECTION_DEBUG_FS)]
    pub(crate) fn with_policy(policy: Policy) -> Result<Self> {
        Self::with(policy, || true)
    }

    fn with(policy: Policy, is_enabled: fn() -> bool) -> Result<Self> {
        let core = KBox::pin_init(Core::new(policy, is_enabled), GFP_KERNEL)?;
        let raw = ptr::from_ref(&*core).cast_mut().cast();

        // SAFETY: `core` stays where it is. `drop()` ends the redirection before it is freed, and a
        // failed assertion never frees it.
        to_result(unsafe { pci_liveupdate_test_redirect(raw) })?;
        // INVARIANT: The accessor was redirected just now.
        Ok(Self {
            core,
            _task: NotThreadSafe,
        })
    }

    /// Has the first file preserved, with room for at least `entries` devices and bridges.
    pub(crate) fn start_outgoing(&self, entries: usize) -> Result {
        self.start_with(memory_for(entries)?)
    }

    /// The same with an array in `memory`. Both formats are written, as by default.
    ///
    /// What was preserved before is forgotten.
    fn start_with(&self, memory: kho::Folio<Ser>) -> Result {
        drop(self.core.directions.lock().outgoing.take());
        self.core.begin_array(memory)?;

        let (head, pages) = memory_for_blocks(self.capacity())?;
        match self.core.begin_blocks(head, pages)? {
            true => Ok(()),
            false => Err(ENOSPC),
        }
    }

    /// Has the last file unpreserved.
    pub(crate) fn end_outgoing(&self) {
        drop(self.core.end_table(|tables| tables.blocks.take()));
        drop(self.core.end_table(|tables| tables.array.take()));
    }

    /// Like [`start_outgoing`](Self::start_outgoing). Returns where the table says how many entries
    /// are in use, to damage it. The pointer is valid until the last file is unpreserved.
    pub(crate) fn start_exposed(&self, entries: usize) -> Result<*mut u32> {
        let mut memory = memory_for(entries)?;
        let nr_devices = &raw mut memory.nr_devices;

        self.start_with(memory)?;
        Ok(nr_devices)
    }

    /// Has a previous kernel hand over `entries`: each function with its count.
    pub(crate) fn start_incoming(&self, entries: &[(Key, u16)]) -> Result {
        let mut ser = memory_for(entries.len())?;

        ser.max_nr_devices = u32::try_from(entries.len())?;
        ser.nr_devices = ser.max_nr_devices;
        for (dev, (key, refcount)) in ser.devices.iter_mut().zip(entries) {
            *dev = DevSer {
                domain: key.domain(),
                bdf: key.bdf(),
                refcount: *refcount,
            };
        }
        self.core.begin_incoming(&ser)
    }

    /// Takes what is handed over, as it is in memory.
    pub(crate) fn take_tables(&self) -> Tables {
        let mut tables = Tables::NONE;
        let mut directions = self.core.directions.lock();

        if let Some(outgoing) = directions.outgoing.as_mut() {
            outgoing.change_table(|old| mem::swap(old, &mut tables));
        }
        directions.outgoing = None;
        tables
    }

    /// Has this kernel be replaced: what it preserves is what the next one gets.
    pub(crate) fn jump(&self) -> Result {
        let mut ser = memory_for(self.capacity())?;

        self.read_table(|from| {
            ser.max_nr_devices = from.max_nr_devices;
            ser.nr_devices = from.nr_devices;
            for (to, from) in ser.devices.iter_mut().zip(&from.devices) {
                *to = *from;
            }
        });
        self.core.directions.lock().outgoing = None;
        self.core.begin_incoming(&ser)
    }

    /// Has a previous kernel hand over something unknown, with `pci_liveupdate=contain`.
    pub(crate) fn contain(&self) {
        self.core.set_handover(Handover::Contained);
    }

    /// The count of `key` that the next kernel would read.
    pub(crate) fn outgoing_count(&self, key: Key) -> u16 {
        self.read_table(|ser| {
            let dev = ser.devices.iter().find(|dev| dev.key() == key);

            dev.map_or(0, |dev| dev.refcount)
        })
        .unwrap_or(0)
    }

    /// How many functions the next kernel would read, if it would accept the table.
    pub(crate) fn nr_outgoing(&self) -> Option<usize> {
        let is_valid = |outgoing: &Outgoing| outgoing.table().check().is_ok();

        if !self
            .core
            .directions
            .lock()
            .outgoing
            .as_ref()
            .is_some_and(is_valid)
        {
            return None;
        }
        self.read_table(|ser| usize::try_from(ser.nr_devices).ok())?
    }

    /// How many functions there is room for.
    pub(crate) fn capacity(&self) -> usize {
        self.read_table(|ser| ser.devices.len()).unwrap_or(0)
    }

    /// The result of the last check of the table before the jump.
    pub(crate) fn inspect(&self) -> Option<bool> {
        let directions = self.core.directions.lock();

        directions.outgoing.as_ref().map(outgoing::inspect)
    }

    /// What the previous kernel left of the count of `key` and nobody has finished.
    pub(crate) fn incoming_count(&self, key: Key) -> u16 {
        let directions = self.core.directions.lock();
        let mut entries = directions.incoming.iter().flat_map(Incoming::iter);

        entries
            .find_map(|entry| (entry.key == key).then_some(entry.refcount))
            .unwrap_or(0)
    }

    /// How many functions are incoming, present or not.
    pub(crate) fn nr_incoming(&self) -> usize {
        let directions = self.core.directions.lock();
        let entries = directions.incoming.iter().flat_map(Incoming::iter);

        entries.filter(|entry| entry.is_unfinished()).count()
    }

    /// Has nothing be incoming any more, without a line for each function that nobody finished.
    pub(crate) fn forget_entries(&self) {
        self.core.directions.lock().incoming = None;
    }

    /// Whether `key` was handed over and is present.
    pub(crate) fn is_found(&self, key: Key) -> bool {
        let directions = self.core.directions.lock();
        let mut entries = directions.incoming.iter().flat_map(Incoming::iter);

        entries.any(|entry| entry.key == key && entry.found)
    }

    /// How often the event of that name was counted.
    pub(crate) fn counted(&self, name: &str) -> Option<u64> {
        let mut events = self.core.stats.iter();

        events.find_map(|(event, count)| (event == name).then_some(count))
    }

    fn read_table<T>(&self, read: impl FnOnce(&Ser) -> T) -> Option<T> {
        let directions = self.core.directions.lock();

        directions
            .outgoing
            .as_ref()
            .and_then(|outgoing| outgoing.table().array.as_ref())
            .map(|array| read(array.memory()))
    }
}

/// Zeroed memory for at least `entries` entries.
fn memory_for(entries: usize) -> Result<kho::Folio<Ser>> {
    kho::Folio::zeroed(Ser::size_for(entries).ok_or(E2BIG)?)
}

impl Deref for Fixture {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, the accessor is redirected in the task of the test, which
        // this is as the value is not `Send`.
        unsafe { pci_liveupdate_test_restore() };
    }
}
