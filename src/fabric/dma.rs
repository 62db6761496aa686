// SPDX-License-Identifier: GPL-2.0

//! DMA addresses: whether a device can go on with those that it uses.
//!
//! The tables of an IOMMU are not handed over, so only a device that uses physical addresses in
//! both kernels can. The IOMMU core knows; all others lose Bus Master in time.
//!
//! ```text
//!  old kernel   reboot notifier -------- leave_device() -- same addresses in the next kernel?
//!               pci_device_shutdown() -- leave_dma() ----- as above: they may have changed
//!    kexec      ---------------------------------------------------------------------------
//!  new kernel   pci_ats_init() --------- forbid_ats()
//!               iommu_probe_device() --- is_running() ---- identity domain, or stop_dma()
//! ```
//!
//! The notifier runs before the first device is shut down: an IOMMU can be one of them.

use crate::{
    core::Core,
    device::{
        is_jumping,
        DeviceExt, //
    },
    logic::Function, //
};
use kernel::{
    bindings,
    pci,
    prelude::*, //
};

impl Core {
    /// Does what [`leave_dma`] does, and says of an incoming device that it will be stopped, since
    /// the next kernel will not know it.
    pub(crate) fn leave_device(&self, dev: &pci::Device) {
        leave_dma(dev);
        if dev.outgoing().is_none() && self.is_running(dev) {
            dev_warn!(dev, "DMA ends here: it was not preserved again\n");
        }
    }

    /// Whether an endpoint has been doing DMA since the previous kernel.
    pub(crate) fn is_running(&self, dev: &pci::Device) -> bool {
        self.is_incoming(dev) && !dev.is_bridge() && is_master(dev)
    }

    /// Whether ATS stays off on a device. With it, addresses are no longer physical ones.
    pub(crate) fn forbid_ats(&self, dev: &pci::Device) -> bool {
        if self.is_running(dev) && has_ats_enabled(dev) {
            stop_dma(dev, c"it uses ATS, and there is no IOMMU yet");
        }
        self.is_running(dev)
    }
}

/// Stops an outgoing device whose DMA must not go on over the kexec that is under way.
pub(crate) fn leave_dma(dev: &pci::Device) {
    if dma_stops(dev) && is_master(dev) {
        dev.clear_master();
        dev_warn!(
            dev,
            "DMA stops over the jump: its addresses depend on an IOMMU\n"
        );
    }
}

/// Whether the DMA of a device ends on the way to the next kernel.
pub(super) fn dma_stops(dev: &pci::Device) -> bool {
    is_jumping() && dev.outgoing().is_some() && !dev.is_bridge() && !survives_kexec(dev)
}

/// Stops a device of the previous kernel.
pub(crate) fn stop_dma(dev: &pci::Device, reason: &CStr) {
    dev.clear_master();
    dev_err!(dev, "DMA stops: {reason}\n");
}

/// Whether the addresses that a device uses mean the same in the next kernel.
pub(crate) fn survives_kexec(dev: &pci::Device) -> bool {
    // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
    unsafe { bindings::pci_liveupdate_dma_survives(dev.raw()) }
}

fn has_ats_enabled(dev: &pci::Device) -> bool {
    // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
    unsafe { bindings::pci_liveupdate_ats_enabled(dev.raw()) }
}

/// Whether Bus Master of a device is set.
pub(crate) fn is_master(dev: &pci::Device) -> bool {
    dev.read16(bindings::PCI_COMMAND)
        .is_some_and(|command| u32::from(command) & bindings::PCI_COMMAND_MASTER != 0)
}
