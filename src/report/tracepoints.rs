// SPDX-License-Identifier: GPL-2.0

//! The events `pci_liveupdate:*`, for trace-cmd, perf and bpftrace.
//!
//! An event that nobody has enabled costs a static branch: what it tells of a device is read by C
//! behind that branch. The fields are in `include/trace/events/pci_liveupdate.h`.

use crate::{
    abi::Key,
    device::DeviceExt, //
};
use kernel::{
    bindings,
    pci,
    prelude::*,
    tracepoint::declare_trace, //
};

declare_trace! {
    /// # Safety
    ///
    /// `dev` must be a valid device.
    unsafe fn pci_liveupdate_preserve(dev: *const bindings::pci_dev);

    /// # Safety
    ///
    /// `dev` must be a valid device.
    unsafe fn pci_liveupdate_unpreserve(dev: *const bindings::pci_dev);

    /// # Safety
    ///
    /// `dev` must be a valid device.
    unsafe fn pci_liveupdate_refuse(dev: *const bindings::pci_dev, error: c_int);

    /// # Safety
    ///
    /// `dev` must be a valid device.
    unsafe fn pci_liveupdate_arrive(dev: *const bindings::pci_dev);

    /// # Safety
    ///
    /// `dev` must be a valid device.
    unsafe fn pci_liveupdate_finish(dev: *const bindings::pci_dev);

    /// # Safety
    ///
    /// Always safe to call. Unsafe only because of the macro.
    unsafe fn pci_liveupdate_leftover(domain: u32, bdf: u16);
}

/// A driver has preserved `dev`.
#[inline]
pub(crate) fn preserve(dev: &pci::Device) {
    // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
    unsafe { pci_liveupdate_preserve(dev.raw()) };
}

/// `dev` is not preserved any more.
#[inline]
pub(crate) fn unpreserve(dev: &pci::Device) {
    // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
    unsafe { pci_liveupdate_unpreserve(dev.raw()) };
}

/// A driver could not preserve `dev`.
#[inline]
pub(crate) fn refuse(dev: &pci::Device, error: Error) {
    // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
    unsafe { pci_liveupdate_refuse(dev.raw(), error.to_errno()) };
}

/// `dev`, which the previous kernel handed over, is being enumerated.
#[inline]
pub(crate) fn arrive(dev: &pci::Device) {
    // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
    unsafe { pci_liveupdate_arrive(dev.raw()) };
}

/// A driver has finished `dev`.
#[inline]
pub(crate) fn finish(dev: &pci::Device) {
    // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
    unsafe { pci_liveupdate_finish(dev.raw()) };
}

/// No driver has finished the function at `key`, which may be missing.
#[inline]
pub(crate) fn leftover(key: Key) {
    // SAFETY: Always safe to call.
    unsafe { pci_liveupdate_leftover(key.domain(), key.bdf()) };
}
