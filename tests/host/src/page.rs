// SPDX-License-Identifier: GPL-2.0

//! Pages for a list of blocks that is written.

use crate::{
    abi::{
        blocks::{
            Block,
            Head,
            ENTRIES, //
        },
        DevSer, //
    },
    logic, //
};
use std::ops::{
    Deref,
    DerefMut, //
};

/// Memory for the head.
pub type HeadPage = Box<Head>;

/// Memory for the head that held something else.
pub fn head() -> HeadPage {
    Box::new(Head {
        version: 7,
        nr_devices: u32::MAX,
        first: 0x5000,
    })
}

/// A page with an address.
#[derive(Debug)]
pub struct Page {
    address: u64,
    block: Box<Block>,
}

/// A page at `address` that held something else.
pub fn used(address: u64) -> Page {
    let junk = DevSer {
        domain: u32::MAX,
        bdf: u16::MAX,
        refcount: u16::MAX,
    };

    Page {
        address,
        block: Box::new(Block {
            next: u64::MAX,
            count: u64::MAX,
            devices: [junk; ENTRIES],
        }),
    }
}

impl Deref for Page {
    type Target = Block;

    fn deref(&self) -> &Block {
        &self.block
    }
}

impl DerefMut for Page {
    fn deref_mut(&mut self) -> &mut Block {
        &mut self.block
    }
}

impl logic::Page for Page {
    fn address(&self) -> u64 {
        self.address
    }
}
