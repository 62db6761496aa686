// SPDX-License-Identifier: GPL-2.0

//! ARI Forwarding, which stays as it is on bridges above devices that run for another kernel.

use crate::{
    device::DeviceExt,
    registers::Registers, //
};
use kernel::pci;

/// Whether ARI Forwarding of the bridge above `dev` is not to be chosen. Follows the hardware.
pub(crate) fn keeps(dev: &pci::Device) -> bool {
    match dev.upstream().filter(|bridge| bridge.status().is_live()) {
        Some(bridge) => {
            bridge.scan_with_ari(bridge.ari_forwarding());
            true
        }
        None => false,
    }
}
