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

/// What stops devices.
#[derive(Clone, Copy)]
pub(crate) enum Sleep {
    /// Suspend.
    ToMemory,
    /// Hibernation, or the restore of an image.
    ToDisk,
}

/// What has begun, and has not ended.
#[derive(Default)]
pub(crate) struct Sleeping {
    to_memory: bool,
    to_disk: bool,
}

impl Sleeping {
    /// Whether any has.
    pub(crate) fn is_any(&self) -> bool {
        self.to_memory || self.to_disk
    }

    fn has_begun(&mut self, sleep: Sleep) -> &mut bool {
        match sleep {
            Sleep::ToMemory => &mut self.to_memory,
            Sleep::ToDisk => &mut self.to_disk,
        }
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
        *directions.sleeping.has_begun(sleep) = true;
        Ok(())
    }

    /// Ends what [`prepare_sleep`](Self::prepare_sleep) began.
    pub(crate) fn end_sleep(&self, sleep: Sleep) {
        *self.directions.lock().sleeping.has_begun(sleep) = false;
    }
}
