// SPDX-License-Identifier: GPL-2.0

//! Access Control Services, which stay as the previous kernel had them.
//!
//! What was found when the device was set up counts for as long as it is known, also after it was
//! finished: whoever uses it now relies on the same routing.

use crate::{
    device::{
        DeviceExt,
        Flag, //
    },
    registers::Registers, //
};
use kernel::{
    pci,
    prelude::*, //
};

/// Remembers the control bits of a device.
///
/// # Safety
///
/// `dev` must be being set up, so that nobody else knows it yet.
pub(crate) unsafe fn adopt(dev: &pci::Device) {
    if !dev.status().incoming {
        return;
    }
    if let Some(control) = dev.acs() {
        // SAFETY: By the safety requirements of this function.
        unsafe { dev.keep_acs(control) };
        dev.note(Flag::Acs, true);
        dev_info!(
            dev,
            "ACS control stays {control:#06x}, whatever the command line says\n"
        );
    }
}

/// Whether the control bits of `dev` are not to be chosen. Sets what a reset has cleared.
pub(crate) fn keeps(dev: &pci::Device) -> bool {
    if !dev.has(Flag::Acs) {
        return false;
    }
    let kept = dev.acs_kept();

    if dev.acs() != Some(kept) {
        dev.set_acs(kept);
    }
    true
}
