// SPDX-License-Identifier: GPL-2.0

//! Suspend, hibernation and kexec jumps, which stop devices: not while any is live.
//!
//! ```text
//!   suspend, hibernation   PM notifier: prepare_sleep() ── no device is preserved ── end_sleep()
//!   kexec jump             kernel_kexec(): may_sleep() ── the same: reboot(2) holds its mutex
//! ```

use crate::core::Core;
use kernel::prelude::*;

impl Core {
    /// Whether devices may be suspended.
    pub(crate) fn may_sleep(&self) -> bool {
        let live = self.directions.lock().is_any_live();

        if live {
            pr_info!("no sleep: devices are in use by another kernel\n");
        }
        !live
    }

    /// Keeps devices from being preserved until [`end_sleep`](Self::end_sleep), unless any is live.
    pub(crate) fn prepare_sleep(&self) -> Result {
        let mut directions = self.directions.lock();

        if directions.is_any_live() {
            pr_info!("no sleep: devices are in use by another kernel\n");
            return Err(EBUSY);
        }
        directions.sleeping = true;
        Ok(())
    }

    /// Ends what [`prepare_sleep`](Self::prepare_sleep) began.
    pub(crate) fn end_sleep(&self) {
        self.directions.lock().sleeping = false;
    }
}
