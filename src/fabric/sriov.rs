// SPDX-License-Identifier: GPL-2.0

//! Virtual Functions, which are enabled on no live device.
//!
//! ```text
//!   sriov_enable()   begin_vfs() ── VF Enable ── num_VFs ── end_vfs()
//!   preserve()       below the lock: being enabled, or num_VFs not 0?
//! ```
//!
//! Both sides look below the lock of the core, so that one of them sees the other.

use crate::{
    core::Core,
    device::DeviceExt, //
};
use kernel::{
    pci,
    prelude::*, //
};

impl Core {
    /// Keeps `dev` from being preserved while its Virtual Functions are being enabled, unless it is
    /// live.
    pub(crate) fn begin_vfs(&self, dev: &pci::Device) -> Result {
        let _directions = self.directions.lock();

        if self.is_live(dev) {
            dev_err!(
                dev,
                "live over a kexec, Virtual Functions cannot be enabled\n"
            );
            return Err(EBUSY);
        }
        dev.state().enabling_vfs.write(true);
        Ok(())
    }

    /// Says that they are enabled and counted, or off.
    pub(crate) fn end_vfs(&self, dev: &pci::Device) {
        let _directions = self.directions.lock();

        dev.state().enabling_vfs.write(false);
    }
}
