// SPDX-License-Identifier: GPL-2.0

//! All that the core knows of a `struct pci_bus`, and of the scans that change it.

use crate::{
    device::DeviceExt,
    logic::Range, //
};
use core::{
    iter,
    marker::PhantomData,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    bindings,
    pci,
    prelude::*,
    types::NotThreadSafe, //
};

/// A bus.
///
/// # Invariants
///
/// The pointer is a bus that is valid for `'a`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Bus<'a>(NonNull<bindings::pci_bus>, PhantomData<&'a pci::Device>);

impl<'a> Bus<'a> {
    /// The bus that `dev` is on.
    pub(super) fn of(dev: &'a pci::Device) -> Option<Self> {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
        let bus = unsafe { (*dev.raw()).bus };

        // INVARIANT: a device holds the bus that it is on.
        Some(Self(NonNull::new(bus)?, PhantomData))
    }

    /// The bus below `bridge`, if there is one yet.
    pub(super) fn below(bridge: &'a pci::Device, _: &'a Scan) -> Option<Self> {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
        let bus = unsafe { (*bridge.raw()).subordinate };

        // INVARIANT: no bus is removed during a scan.
        Some(Self(NonNull::new(bus)?, PhantomData))
    }

    /// Its own number, and the last one that can be used for a bus below it.
    pub(super) fn range(self) -> Range {
        // SAFETY: By the type invariant, this is a valid bus.
        let (number, end) = unsafe { ((*self.0.as_ptr()).number, (*self.0.as_ptr()).busn_res.end) };

        Range {
            first: number,
            last: u8::try_from(end).unwrap_or(u8::MAX),
        }
    }

    /// The bridges on it.
    pub(super) fn bridges(self, _: &'a impl Still) -> impl Iterator<Item = &'a pci::Device> {
        let next = move |last: *mut bindings::pci_dev| {
            // SAFETY: By the type invariant, this is a valid bus; `last` is null or on it. Nobody
            // else adds bridges or removes them.
            let dev = unsafe { bindings::pci_liveupdate_next_bridge(self.0.as_ptr(), last) };

            // SAFETY: A device is valid for as long as it is on its bus. `pci::Device` is a
            // transparent wrapper of `struct pci_dev`.
            unsafe { dev.cast::<pci::Device>().as_ref::<'a>() }
        };

        iter::successors(next(ptr::null_mut()), move |dev| next(dev.raw()))
    }

    /// Calls `done` for each function on it and below it, until one is.
    pub(super) fn walk<F: FnMut(&pci::Device) -> bool>(self, mut done: F) {
        let done = ptr::from_mut(&mut done);

        // SAFETY: By the type invariant, this is a valid bus. `visit::<F>` gets valid devices, and
        // `done`, which outlives the call.
        unsafe { bindings::pci_walk_bus(self.0.as_ptr(), Some(visit::<F>), done.cast()) };
    }
}

/// The slot that a function is in, if the PCI core knows one.
pub(super) fn slot(dev: &pci::Device) -> Option<NonNull<bindings::pci_slot>> {
    // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
    NonNull::new(unsafe { (*dev.raw()).slot })
}

/// Whether pci_reset_bus() resets no more than the slot of a function.
pub(super) fn has_slot_reset(dev: &pci::Device) -> bool {
    // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device. It refers to its
    // slot.
    unsafe { bindings::pci_probe_reset_slot((*dev.raw()).slot) == 0 }
}

/// # Safety
///
/// `dev` must be a valid device, `done` an `F` that nobody else uses.
unsafe extern "C" fn visit<F: FnMut(&pci::Device) -> bool>(
    dev: *mut bindings::pci_dev,
    done: *mut c_void,
) -> c_int {
    // SAFETY: By the safety requirements of this function. `pci::Device` is a transparent wrapper
    // of `struct pci_dev`.
    let (dev, done) = unsafe { (&*dev.cast::<pci::Device>(), &mut *done.cast::<F>()) };

    c_int::from(done(dev))
}

/// Shows that the devices on a bus stay where they are.
pub(super) trait Still {}

impl Still for Scan {}

impl Still for BusesLock {}

/// `pci_bus_sem`, without which no device appears on a bus or disappears from it.
#[must_use = "devices come and go again once this is dropped"]
pub(super) struct BusesLock(NotThreadSafe);

impl BusesLock {
    /// Waits for the lock, which is shared with other readers.
    pub(super) fn read() -> Self {
        // SAFETY: Always safe to call. The lock is given back in `drop()`, in the same thread.
        unsafe { bindings::pci_liveupdate_read_lock_buses() };
        Self(NotThreadSafe)
    }
}

impl Drop for BusesLock {
    fn drop(&mut self) {
        // SAFETY: Taken by `read()`, in the same thread since the guard is not `Send`.
        unsafe { bindings::pci_liveupdate_read_unlock_buses() };
    }
}

/// Shows that the caller is called by a scan.
///
/// # Invariants
///
/// As long as the value lives, nobody but the scan adds bridges to the buses that it looks at, or
/// removes any, or changes what is known about them.
pub(super) struct Scan(NotThreadSafe);

impl Scan {
    /// # Safety
    ///
    /// The caller must be called by a scan of the PCI core, and drop the value before it returns.
    pub(super) unsafe fn new() -> Self {
        // INVARIANT: By the safety requirements; the PCI core has one scan of a bus at a time.
        Self(NotThreadSafe)
    }
}

/// `pci_rescan_remove_lock`, which keeps scans from running.
#[must_use = "scans run again once this is dropped"]
pub(crate) struct RescanLock(NotThreadSafe);

impl RescanLock {
    /// Takes the lock if it is free. Never waits.
    pub(super) fn try_lock() -> Option<Self> {
        // SAFETY: Always safe to call. The lock is given back in `drop()`, in the same thread.
        match unsafe { bindings::pci_liveupdate_trylock_rescan() } {
            true => Some(Self(NotThreadSafe)),
            false => None,
        }
    }
}

impl Drop for RescanLock {
    fn drop(&mut self) {
        // SAFETY: Locked by `try_lock()`, in the same thread since the guard is not `Send`.
        unsafe { bindings::pci_liveupdate_unlock_rescan() };
    }
}
