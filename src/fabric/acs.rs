// SPDX-License-Identifier: GPL-2.0

//! Access Control Services, which stay as the previous kernel had them.
//!
//! What was found when the device was set up counts for as long as it is known, also after it was
//! finished: whoever uses it now relies on the same routing.
//!
//! Some ports isolate by other registers than those of the standard capability, which only a quirk
//! knows. Devices below them are not preserved, but another kernel may have done so: then the
//! controls are kept where the quirk says that they are, and the quirk sets what has none.

use crate::{
    core::Core,
    device::DeviceExt,
    logic::Function, //
};
use kernel::{
    bindings,
    pci,
    prelude::*, //
};

/// A register with the layout of ACS Control.
#[derive(Clone, Copy)]
enum AcsCtrl {
    /// That of the standard capability.
    Standard(u32),
    /// The lower half of a register that is to be accessed as a whole.
    Quirk(u32),
}

impl AcsCtrl {
    /// That of `dev`, if it has one.
    fn of(dev: &pci::Device) -> Option<Self> {
        match quirk_ctrl(dev) {
            None => dev.acs_ctrl().map(Self::Standard),
            Some(0) => None,
            Some(offset) => Some(Self::Quirk(offset)),
        }
    }

    fn read(self, dev: &pci::Device) -> Option<u16> {
        match self {
            Self::Standard(offset) => dev.read16(offset),
            // CAST: the lower half.
            Self::Quirk(offset) => dev.read32(offset).map(|ctrl| ctrl as u16),
        }
    }

    fn write(self, dev: &pci::Device, ctrl: u16) {
        match self {
            Self::Standard(offset) => dev.write16(offset, ctrl),
            Self::Quirk(offset) => {
                if let Some(old) = dev.read32(offset) {
                    dev.write32(offset, old & 0xffff_0000 | u32::from(ctrl));
                }
            }
        }
    }
}

impl Core {
    /// Asks once who controls ACS of a device that is being set up. Remembers what is set if the
    /// device is incoming.
    pub(crate) fn init_acs(&self, dev: &pci::Device) {
        let state = dev.state();
        let above = dev.upstream();

        // A path is set up from the root down.
        state.acs_quirk.write(
            quirk_ctrl(dev).is_some() || above.is_some_and(|above| above.state().acs_quirk.read()),
        );
        if !self.is_incoming(dev) {
            return;
        }
        if let Some(ctrl) = read_acs_ctrl(dev) {
            state.acs_ctrl.write(ctrl);
            state.acs_kept.write(true);
            dev_info!(
                dev,
                "ACS Control kept at {ctrl:#06x}, command line is ignored\n"
            );
        }
        self.compare_late(dev);
    }

    /// Whether ACS Control of `dev` is not to be chosen. Sets what a reset has cleared.
    pub(crate) fn keep_acs(&self, dev: &pci::Device) -> bool {
        let state = dev.state();
        if !state.acs_kept.read() {
            return false;
        }

        let kept = state.acs_ctrl.read();
        if let Some(ctrl) = AcsCtrl::of(dev) {
            if ctrl.read(dev) != Some(kept) {
                ctrl.write(dev, kept);
            }
        }
        true
    }
}

/// ACS Control of a device, wherever it is.
pub(crate) fn read_acs_ctrl(dev: &pci::Device) -> Option<u16> {
    AcsCtrl::of(dev).and_then(|ctrl| ctrl.read(dev))
}

/// Where the quirk that takes care of ACS of `dev` has ACS Control: 0 for nowhere. `None` if there
/// is no such quirk.
fn quirk_ctrl(dev: &pci::Device) -> Option<u32> {
    // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
    let offset = unsafe { bindings::pci_liveupdate_quirk_acs_ctrl(dev.raw()) };

    u32::try_from(offset).ok()
}
