// SPDX-License-Identifier: GPL-2.0

//! Memory that a device may be writing to is not freed by safe code.

use kernel::kho::Shared;

type Ring = [u64; 64];

#[cfg(wrong)]
pub fn free(ring: Shared<Ring>) {
    drop(ring.into_folio()) //~ E0133
}

/// # Safety
///
/// The device must have stopped.
pub unsafe fn free_stopped(ring: Shared<Ring>) {
    // SAFETY: By the safety requirements of this function.
    drop(unsafe { ring.into_folio() })
}
