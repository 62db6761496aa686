// SPDX-License-Identifier: GPL-2.0

//! ARI Forwarding, which stays as it is on bridges above devices that run for another kernel.

use crate::{
    bus::Scan,
    device::DeviceExt,
    registers::Registers,
    state::{
        handover,
        Handover, //
    }, //
};
use kernel::pci;

/// Whether ARI Forwarding of the bridge above `dev` is not to be chosen. Follows the hardware.
pub(crate) fn keeps(dev: &pci::Device, scan: &Scan) -> bool {
    let kept = |bridge: &&pci::Device| {
        // Whoever must not reach memory has to be seen first.
        bridge.status().is_live() || handover() == Handover::Contained
    };

    match dev.upstream().filter(kept) {
        Some(bridge) => {
            bridge.scan_with_ari(bridge.ari_forwarding(), scan);
            true
        }
        None => false,
    }
}
