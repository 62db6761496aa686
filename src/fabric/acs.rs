// SPDX-License-Identifier: GPL-2.0

//! Access Control Services, which stay as the previous kernel had them.
//!
//! What was found when the device was set up counts for as long as it is known, also after it was
//! finished: whoever uses it now relies on the same routing.

use crate::{
    core::Core,
    device::DeviceExt, //
};
use kernel::{
    pci,
    prelude::*, //
};

impl Core {
    /// Remembers ACS Control of an incoming device that is being set up.
    pub(crate) fn init_acs(&self, dev: &pci::Device) {
        if !self.is_incoming(dev) {
            return;
        }
        if let Some(ctrl) = dev.acs_ctrl().and_then(|offset| dev.read16(offset)) {
            let state = dev.state();
            state.acs_ctrl.write(ctrl);
            state.acs_kept.write(true);
            dev_info!(
                dev,
                "ACS Control kept at {ctrl:#06x}, command line is ignored\n"
            );
        }
    }

    /// Whether ACS Control of `dev` is not to be chosen. Sets what a reset has cleared.
    pub(crate) fn keep_acs(&self, dev: &pci::Device) -> bool {
        let state = dev.state();
        if !state.acs_kept.read() {
            return false;
        }

        let kept = state.acs_ctrl.read();
        if let Some(offset) = dev.acs_ctrl() {
            if dev.read16(offset) != Some(kept) {
                dev.write16(offset, kept);
            }
        }
        true
    }
}
