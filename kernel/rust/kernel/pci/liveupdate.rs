// SPDX-License-Identifier: GPL-2.0

//! PCI devices that keep running while the kernel is replaced.
//!
//! This is for drivers that offer one file per device. The files are preserved by a
//! [`file::Handler`], whose callbacks preserve and finish the device:
//!
//! ```text
//!  old kernel    Handler::preserve()     Device::liveupdate_preserve()  -> Outgoing
//!                Handler::unpreserve()   drop(Outgoing)
//!  new kernel    probe()                 Device::is_incoming(): leave the device as it is
//!                Handler::can_finish()   Device::liveupdate_stop(), if its file was not retrieved
//!                Handler::finish()       Device::liveupdate_finish()
//! ```
//!
//! In between, the PCI core keeps what the device depends on: its bus numbers, the routing of its
//! transactions, and Bus Master on it and on every bridge above it. The state inside the device is
//! kept by the driver.
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
use core::ptr::NonNull;

/// The registration of a handler whose files preserve PCI devices.
///
/// The state of the PCI core is registered with the handler before LUO knows the handler, so that
/// it is preserved with every file.
#[pin_data]
pub struct Registration<H: file::Handler> {
    #[pin]
    handler: file::Registration<H>,
}

impl<H: file::Handler> Registration<H> {
    /// Registers the state of the PCI core with the handler, and the handler with LUO.
    ///
    /// Fails with [`EOPNOTSUPP`] if live update is disabled, and otherwise like
    /// [`file::Registration::new`].
    ///
    /// # Safety
    ///
    /// As for [`file::Registration::new`].
    pub unsafe fn new() -> impl PinInit<Self, Error> {
        let register = |handler| {
            // SAFETY: `with_flbs()` passes a handler that is initialized, and not registered yet.
            to_result(unsafe { bindings::pci_liveupdate_register_flb(handler) })
        };
        let unregister = |handler| {
            // SAFETY: `register()` succeeded for this handler.
            unsafe { bindings::pci_liveupdate_unregister_flb(handler) }
        };

        pin_init!(Self {
            // SAFETY: By the safety requirements of this function. The two functions register and
            // unregister one FLB.
            handler <- unsafe { file::Registration::with_flbs(register, unregister) },
        }? Error)
    }
}

impl Device {
    /// Keeps the device running over the next `kexec`.
    ///
    /// To be called in [`file::Handler::preserve`] of a handler with a [`Registration`]. The result
    /// is to be kept in the object that the handler returns.
    ///
    /// Fails with [`EINVAL`] if the device cannot be preserved as it is (the log has the reason),
    /// [`EBUSY`] if it is preserved already, [`EAGAIN`] while a scan for devices is running,
    /// [`ENOSPC`] or [`EOVERFLOW`] if there is no room for more devices, [`ENODEV`] if it was
    /// removed, [`ENOENT`] outside of the callback, and [`EOPNOTSUPP`] if live update is disabled.
    pub fn liveupdate_preserve(&self) -> Result<Outgoing> {
        // SAFETY: By the type invariant, this is a valid device.
        to_result(unsafe { bindings::pci_liveupdate_preserve(self.as_raw()) })?;

        // INVARIANT: The device was preserved just now.
        Ok(Outgoing(self.into()))
    }

    /// Returns whether the addresses that the device uses for DMA mean the same in the next kernel.
    ///
    /// They do if they are physical ones: then no IOMMU translates them, now or on the way there.
    /// Otherwise the PCI core stops the device at the `kexec`, also if it is preserved.
    ///
    /// C header: [`include/linux/iommu.h`](srctree/include/linux/iommu.h)
    #[cfg(CONFIG_IOMMU_API)]
    pub fn dma_survives_kexec(&self) -> bool {
        // SAFETY: By the type invariant, this is a valid device.
        unsafe { bindings::iommu_dma_survives_kexec(&raw mut (*self.as_raw()).dev) }
    }

    /// As above, for a kernel that knows no IOMMU.
    #[cfg(not(CONFIG_IOMMU_API))]
    pub fn dma_survives_kexec(&self) -> bool {
        true
    }

    /// Returns whether the previous kernel left the device running, and it was not finished since.
    pub fn is_incoming(&self) -> bool {
        // SAFETY: By the type invariant, this is a valid device.
        unsafe { bindings::pci_liveupdate_is_incoming(self.as_raw()) }
    }

    /// Stops the DMA of a device whose file was not retrieved: Bus Master is cleared, and pending
    /// transactions are waited for.
    ///
    /// To be called in [`file::Handler::can_finish`] by the driver that is bound to the device.
    ///
    /// Fails with [`ETIMEDOUT`] if there are transactions that do not complete.
    pub fn liveupdate_stop(&self) -> Result {
        // SAFETY: By the type invariant, this is a valid device.
        let idle = unsafe {
            bindings::pci_clear_master(self.as_raw());
            bindings::pci_wait_for_pending_transaction(self.as_raw())
        };

        if idle == 0 {
            return Err(ETIMEDOUT);
        }
        Ok(())
    }

    /// Stops the DMA of an incoming device that nobody takes over, whatever its driver, and says
    /// why.
    ///
    /// Unlike [`liveupdate_stop`](Self::liveupdate_stop), this may be called for a device that is
    /// bound to no driver, or to another one than that of the handler.
    ///
    /// Fails with [`ETIMEDOUT`] if there are transactions that do not complete.
    pub fn liveupdate_abandon(&self, reason: &CStr) -> Result {
        // SAFETY: By the type invariant, this is a valid device. The string is only read.
        let idle = unsafe {
            bindings::pci_liveupdate_stop_dma(self.as_raw(), reason.as_char_ptr());
            bindings::pci_wait_for_pending_transaction(self.as_raw())
        };

        if idle == 0 {
            return Err(ETIMEDOUT);
        }
        Ok(())
    }

    /// Returns whether the device has been doing DMA since the previous kernel: it is incoming, and
    /// Bus Master is on.
    pub fn is_running(&self) -> bool {
        // SAFETY: By the type invariant, this is a valid device.
        unsafe { bindings::pci_liveupdate_is_running(self.as_raw()) }
    }

    /// Returns the PCI segment, and `bus << 8 | devfn`.
    pub fn location(&self) -> (u32, u16) {
        // SAFETY: By the type invariant, this is a valid device.
        let domain = unsafe { bindings::pci_liveupdate_domain(self.as_raw()) };

        // CAST: Domains are not negative.
        (domain as u32, self.dev_id())
    }

    /// Looks up a device by its [`location`](Self::location).
    pub fn find(domain: u32, bdf: u16) -> Option<ARef<Device>> {
        let [devfn, bus] = bdf.to_le_bytes();
        let domain = c_int::try_from(domain).ok()?;
        // SAFETY: There are no requirements on the numbers.
        let found =
            unsafe { bindings::pci_get_domain_bus_and_slot(domain, bus.into(), devfn.into()) };

        // SAFETY: The function returns a device with a reference that is ours. `Device` is a
        // transparent wrapper.
        NonNull::new(found).map(|dev| unsafe { ARef::from_raw(dev.cast()) })
    }

    /// Makes an incoming device one like any other.
    ///
    /// To be called in [`file::Handler::finish`]. The PCI core counts the files of the previous
    /// kernel; the proof stands for one of them, so that none is put twice.
    ///
    /// Does nothing if the device is not incoming any more, since it was removed meanwhile.
    pub fn liveupdate_finish(&self, _finish: file::Finish<'_>) {
        if self.is_incoming() {
            // SAFETY: By the type invariant, this is a valid device.
            unsafe { bindings::pci_liveupdate_finish(self.as_raw()) }
        }
    }
}

/// A device that is preserved for the next kernel.
///
/// Dropping it unpreserves the device. The value must be alive when the next kernel is executed.
///
/// # Invariants
///
/// The device was preserved once for this value.
#[must_use = "the device is unpreserved at once if this is unused"]
pub struct Outgoing(ARef<Device>);

impl Drop for Outgoing {
    fn drop(&mut self) {
        // SAFETY: By the type invariant of `Device`, this is a valid device.
        unsafe { bindings::pci_liveupdate_unpreserve(self.0.as_raw()) }
    }
}
