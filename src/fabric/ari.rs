// SPDX-License-Identifier: GPL-2.0

//! ARI Forwarding, which stays as it is on bridges above live devices.

use crate::{
    core::{
        Core,
        Handover, //
    },
    device::DeviceExt,
    logic::Function, //
};
use kernel::{
    bindings,
    pci, //
};

impl Core {
    /// Whether ARI Forwarding above `dev` is not to be chosen. `ari_enabled` follows the hardware.
    ///
    /// # Safety
    ///
    /// `dev` must be being set up, so that nobody else looks at the bridge above it.
    pub(crate) unsafe fn keep_ari(&self, dev: &pci::Device) -> bool {
        let Some(bridge) = dev.upstream() else {
            return false;
        };
        // A function that must not reach memory has to be seen first.
        if !self.is_live(bridge) && self.handover() != Handover::Contained {
            return false;
        }
        // It is chosen with the first function.
        if !dev.is_first_express() {
            return false;
        }

        let on = forwards_ari(bridge);
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device. By the safety
        // requirements, nobody else changes the bit.
        unsafe { bindings::pci_liveupdate_set_ari(bridge.raw(), on) };
        true
    }
}

/// Whether ARI Forwarding of a bridge is on.
pub(crate) fn forwards_ari(bridge: &pci::Device) -> bool {
    u32::from(bridge.devctl2()) & bindings::PCI_EXP_DEVCTL2_ARI != 0
}
