// SPDX-License-Identifier: GPL-2.0

//! The layout of `pci`: the same entries as in `pci-v3`, in blocks of KHO.
//!
//! The handle of the FLB named [`COMPATIBLE`] is the physical address of a [`Head`], which leads to
//! a list of pages:
//!
//! ```text
//!   0         4         8          16
//!   +---------+---------+----------+
//!   | version | nr_     | first    |
//!   |         | devices |          |
//!   +---------+---------+----|-----+
//!                            v
//!   0         8         16                                16 + 8 * 510
//!   +---------+---------+---------------------------------+
//!   | next    | count   | { domain: u32                   | ...
//!   |         |         |   bdf: u16                      |
//!   |         |         |   refcount: u16 } per entry     |
//!   +----|----+---------+---------------------------------+
//!        v
//! ```
//!
//! `include/linux/kho/abi/pci_blocks.h` states it independently, and
//! `include/linux/kho/abi/block.h` that of the first two fields of a block.

use super::DevSer;
use core::{
    ffi::CStr,
    mem::{
        offset_of,
        size_of, //
    },
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

/// The name of the FLB for a list of this layout.
pub const COMPATIBLE: &CStr = c"pci";

/// The version that is written: counts mean what they mean in `pci-v3`.
pub const VERSION: u32 = 2;

/// The version that has no entries for bridges, and counts of 0 or 1. It is read only.
pub const VERSION_WITHOUT_BRIDGES: u32 = 1;

/// The size of a block: a page, which has the same size in both kernels.
pub const SIZE: usize = if cfg!(CONFIG_PAGE_SIZE_64KB) {
    0x1_0000
} else if cfg!(CONFIG_PAGE_SIZE_16KB) {
    0x4000
} else {
    0x1000
};

/// The entries of a block.
pub const ENTRIES: usize = (SIZE - Block::HEADER) / size_of::<DevSer>();

/// The number of blocks from which on KHO takes a list for a damaged one.
pub const MAX_BLOCKS: u32 = 10_000;

/// What the handle leads to.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, Immutable, IntoBytes, KnownLayout,
)]
#[repr(C)]
pub struct Head {
    /// The version. Its place and size are the same in all versions.
    pub version: u32,
    /// The number of used entries in all blocks.
    pub nr_devices: u32,
    /// The physical address of the first block; 0 if there is none.
    pub first: u64,
}

/// A page of entries.
///
/// KHO refuses lists that have a block without entries.
#[derive(Debug, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct Block {
    /// The physical address of the next block; 0 in the last one.
    pub next: u64,
    /// How many of `devices` mean anything. Some of them may be free.
    pub count: u64,
    /// The entries.
    pub devices: [DevSer; ENTRIES],
}

impl Block {
    /// The size of what is in front of the entries in bytes.
    pub const HEADER: usize = 16;
}

/// The memory that KHO preserved, as far as blocks lead to it.
pub trait Memory {
    /// Returns the block at that physical address, if a page was preserved there.
    ///
    /// The answer is always the same.
    fn block(&self, address: u64) -> Option<&Block>;
}

// The layout, checked at compile time. The C header is checked by a C compiler.
const _: () = {
    assert!(offset_of!(Head, version) == 0);
    assert!(offset_of!(Head, nr_devices) == 4);
    assert!(offset_of!(Head, first) == 8);
    assert!(size_of::<Head>() == 16);
    assert!(offset_of!(Block, next) == 0);
    assert!(offset_of!(Block, count) == 8);
    assert!(offset_of!(Block, devices) == Block::HEADER);
    assert!(size_of::<Block>() == SIZE);
};
