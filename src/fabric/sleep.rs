// SPDX-License-Identifier: GPL-2.0

//! Suspend, hibernation and kexec jumps, which stop devices: not while any is live.
//!
//! ```text
//!   suspend, hibernation   PM notifier: prepare_sleep() ── no device is preserved ── end_sleep()
//!   kexec jump             kernel_kexec(): may_sleep() ── the same: reboot(2) holds its mutex
//! ```
//!
//! A suspend may begin and end while a process has /dev/snapshot open, which is a hibernation.

use crate::core::Core;
use kernel::prelude::*;

/// What stops devices. Each has a bit.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Sleep {
    /// Suspend.
    ToMemory = 1,
    /// Hibernation, or the restore of an image.
    ToDisk = 2,
}

/// What has begun, and has not ended.
#[derive(Default)]
pub(crate) struct Sleeping(u8);

impl Sleeping {
    /// Whether any has.
    pub(crate) fn is_any(&self) -> bool {
        self.0 != 0
    }

    fn begin(&mut self, sleep: Sleep) {
        self.0 |= sleep as u8;
    }

    fn end(&mut self, sleep: Sleep) {
        self.0 &= !(sleep as u8);
    }
}

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
    pub(crate) fn prepare_sleep(&self, sleep: Sleep) -> Result {
        let mut directions = self.directions.lock();

        if directions.is_any_live() {
            pr_info!("no sleep: devices are in use by another kernel\n");
            return Err(EBUSY);
        }
        directions.sleeping.begin(sleep);
        Ok(())
    }

    /// Ends what [`prepare_sleep`](Self::prepare_sleep) began.
    pub(crate) fn end_sleep(&self, sleep: Sleep) {
        self.directions.lock().sleeping.end(sleep);
    }
}
