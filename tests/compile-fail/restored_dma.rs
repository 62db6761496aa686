// SPDX-License-Identifier: GPL-2.0

//! Memory that a device may be writing to does not become a reference.

use kernel::{
    kho::{
        Cpu,
        Dma,
        Handle,
        Restored,
        Shared, //
    },
    prelude::*, //
};

type Ring = [u64; 64];

#[cfg(wrong)]
pub fn take(handle: Handle<Dma>) -> Result<Restored<Ring>> {
    Restored::take(handle) //~ E0308
}

#[cfg(wrong)]
pub fn peek(handle: &Handle<Dma>) -> Result<u64> {
    Ok(handle.peek::<Ring>()?[0]) //~ E0599
}

#[cfg(wrong)]
pub fn borrow(ring: &Shared<Ring>) -> &Ring {
    ring //~ E0308
}

pub fn share(handle: Handle<Dma>) -> Result<Shared<Ring>> {
    Shared::take(handle)
}

pub fn restore(handle: Handle<Cpu>) -> Result<u64> {
    handle.peek::<Ring>()?;
    Ok(Restored::<Ring>::take(handle)?[0])
}
