// SPDX-License-Identifier: GPL-2.0

//! The old kernel does not pass on memory as another kind than it is.

use kernel::{
    kho::{
        Address,
        Cpu,
        Dma,
        Folio,
        Preserved,
        Shared, //
    },
    prelude::*, //
};

type Ring = [u64; 64];

#[cfg(wrong)]
pub fn ring_as_state(ring: &Shared<Ring>) -> Address<Cpu> {
    ring.address() //~ E0308
}

#[cfg(wrong)]
pub fn state_as_ring(state: &Preserved<Ring>) -> Address<Dma> {
    state.address() //~ E0308
}

// The address says that no device accesses the memory.
#[cfg(wrong)]
pub fn share(state: Preserved<Ring>) -> Result<Shared<Ring>> {
    state.share() //~ E0599
}

pub fn both(state: &Preserved<Ring>, folio: Folio<Ring>) -> Result<(Address<Cpu>, Address<Dma>)> {
    Ok((state.address(), folio.share()?.address()))
}
