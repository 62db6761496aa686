// SPDX-License-Identifier: GPL-2.0

//! ARI Forwarding, which stays as it is on bridges above live devices.

use crate::{
    core::{
        Core,
        Handover, //
    },
    device::DeviceExt, //
};
use kernel::{
    bindings,
    pci, //
};

impl Core {
    /// Whether ARI Forwarding of `bridge` is not to be chosen. `ari_enabled` follows the hardware.
    ///
    /// # Safety
    ///
    /// A device below the bridge must be being set up, so that nobody else looks at the latter.
    pub(crate) unsafe fn keep_ari(&self, bridge: &pci::Device) -> bool {
        // A function that must not reach memory has to be seen first.
        if !self.is_live(bridge) && self.handover() != Handover::Contained {
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
