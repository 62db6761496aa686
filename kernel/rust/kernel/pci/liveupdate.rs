// SPDX-License-Identifier: GPL-2.0

//! PCI devices that keep running while the kernel is replaced.
//!
//! This is for drivers that offer a file per device. The files are preserved by a
//! [`file::Handler`]; its callbacks say when the device itself is concerned:
//!
//! ```text
//!  old kernel    Handler::preserve()     Device::liveupdate_preserve()  -> Outgoing
//!                Handler::unpreserve()   drop(Outgoing)
//!  new kernel    probe()                 Device::is_incoming(): leave the device as it runs
//!                Handler::finish()       Device::liveupdate_incoming()  -> Incoming::finish()
//! ```
//!
//! In between the PCI core keeps what the device depends on: its bus numbers, the routing of its
//! transactions, and Bus Master on it and on every bridge above it. What is inside the device is
//! for the driver to keep.
//!
//! C header: [`include/linux/pci_liveupdate.h`](srctree/include/linux/pci_liveupdate.h)

use super::Device;
use crate::{
    bindings,
    error::to_result,
    liveupdate::file,
    prelude::*,
    sync::aref::ARef, //
};

/// The registration of a handler whose files preserve PCI devices.
///
/// # Invariants
///
/// The state of the PCI core is registered with `handler`.
#[pin_data(PinnedDrop)]
pub struct Registration<H: file::Handler> {
    #[pin]
    handler: file::Registration<H>,
}

impl<H: file::Handler> Registration<H> {
    /// Registers the handler with LUO, and the state of the PCI core with the handler.
    ///
    /// Fails with [`EOPNOTSUPP`] if live updates are switched off, and otherwise like
    /// [`file::Registration::new`].
    ///
    /// # Safety
    ///
    /// As for [`file::Registration::new`].
    pub unsafe fn new() -> impl PinInit<Self, Error> {
        // INVARIANT: The last step registers the state of the PCI core.
        try_pin_init!(Self {
            // SAFETY: By the safety requirements of this function.
            handler <- unsafe { file::Registration::new() },
            _: {
                // SAFETY: The handler was registered just now.
                to_result(unsafe { bindings::pci_liveupdate_register_flb(handler.as_raw()) })?
            },
        })
    }
}

#[pinned_drop]
impl<H: file::Handler> PinnedDrop for Registration<H> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant; `handler` is dropped, and so unregistered, after this.
        unsafe { bindings::pci_liveupdate_unregister_flb(self.handler.as_raw()) }
    }
}

impl Device {
    /// Keeps the device running over the next `kexec`.
    ///
    /// To be called in [`file::Handler::preserve`] of a handler with a [`Registration`]. The result
    /// belongs into the object that the handler returns.
    ///
    /// Fails with [`EINVAL`] if the device cannot be preserved as it is (the log has the reason),
    /// [`EBUSY`] if it is preserved already, [`EAGAIN`] while a scan for devices is running,
    /// [`ENOSPC`] or [`EOVERFLOW`] if there is no room for more devices, [`ENODEV`] if it was
    /// removed, [`ENOENT`] outside of a handler's callback, [`EOPNOTSUPP`] if live updates are
    /// switched off, and [`ENOMEM`].
    pub fn liveupdate_preserve(&self) -> Result<Outgoing> {
        // SAFETY: By the type invariant, this is a valid device.
        to_result(unsafe { bindings::pci_liveupdate_preserve(self.as_raw()) })?;

        // INVARIANT: The device was preserved just now.
        Ok(Outgoing(self.into()))
    }

    /// Returns whether the previous kernel left the device running, and no driver has finished
    /// that.
    pub fn is_incoming(&self) -> bool {
        // SAFETY: By the type invariant, this is a valid device.
        unsafe { bindings::pci_liveupdate_is_incoming(self.as_raw()) }
    }

    /// Returns the right to finish the device, if it [is incoming](Self::is_incoming).
    pub fn liveupdate_incoming(&self) -> Option<Incoming> {
        self.is_incoming().then(|| Incoming(self.into()))
    }
}

/// A device that this kernel hands over to the next one.
///
/// Dropping it calls that off. The kernel that executes the next one must do so with the value
/// alive.
///
/// # Invariants
///
/// The device was preserved once for this value.
#[must_use = "the device is not preserved any longer once this is dropped"]
pub struct Outgoing(ARef<Device>);

impl Drop for Outgoing {
    fn drop(&mut self) {
        // SAFETY: By the type invariant of `Device`, this is a valid device.
        unsafe { bindings::pci_liveupdate_unpreserve(self.0.as_raw()) }
    }
}

/// A device that the previous kernel left running.
///
/// Dropping it changes nothing: the device stays incoming until somebody finishes it.
#[must_use = "the device stays incoming until it is finished"]
pub struct Incoming(ARef<Device>);

impl Incoming {
    /// Says that the device is in the hands of its driver, like any other from now on.
    ///
    /// To be called in [`file::Handler::finish`].
    pub fn finish(self) {
        // SAFETY: By the type invariant of `Device`, this is a valid device.
        unsafe { bindings::pci_liveupdate_finish(self.0.as_raw()) }
    }
}
