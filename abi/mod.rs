// SPDX-License-Identifier: GPL-2.0

//! The ABI between two kernels: the layout of a handover of PCI devices.
//!
//! There are two formats of the same facts, each in an FLB of its own: `pci`, see [`blocks`], and
//! `pci-v3`, which follows. A kernel that knows both hands over in both.
//!
//! A physically contiguous block, native endian. Its physical address is the handle of the FLB
//! named [`COMPATIBLE`]:
//!
//! ```text
//!   0         4         8                                 8 + 8 * max_nr_devices
//!   +---------+---------+---------------------------------+
//!   | max_nr_ | nr_     | { domain: u32                   | ...
//!   | devices | devices |   bdf: u16                      |
//!   |         |         |   refcount: u16 } per entry     |
//!   +---------+---------+---------------------------------+
//! ```
//!
//! This interface is a contract with earlier and later kernels. `include/linux/kho/abi/pci.h`
//! states the same layout independently. Additional data needs an FLB of its own.
//!
//! Nothing here allocates, panics, or reads outside the given bytes. The same files are compiled
//! into the kernel and, by cargo, into the host tests.

pub mod blocks;
mod decode;
pub mod identity;
mod key;
mod walk;

pub use decode::{
    check,
    Corrupt, //
};
pub use key::Key;
pub use walk::{
    walk,
    CorruptList,
    List,
    Place,
    Unreadable, //
};

use core::ffi::CStr;
use core::mem::{
    offset_of,
    size_of, //
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

/// The name of the FLB for a block of this layout.
pub const COMPATIBLE: &CStr = c"pci-v3";

/// Names of FLBs in which other kernels hand over PCI devices in other layouts.
pub const FOREIGN: [&CStr; 2] = [c"pci-v1", c"pci-v2"];

/// The entry of a function. It is free if `refcount` is 0.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, Immutable, IntoBytes, KnownLayout,
)]
#[repr(C)]
pub struct DevSer {
    /// The PCI segment.
    pub domain: u32,
    /// `bus << 8 | devfn`.
    pub bdf: u16,
    /// The number of preserved devices at or below this function.
    pub refcount: u16,
}

impl DevSer {
    /// The function of this entry.
    pub const fn key(&self) -> Key {
        Key::new(self.domain, self.bdf)
    }

    /// Whether the entry is in use.
    pub const fn is_used(&self) -> bool {
        self.refcount != 0
    }
}

/// The whole block. `devices` covers all the memory after the header.
#[derive(Debug, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct Ser {
    /// The length of the array.
    pub max_nr_devices: u32,
    /// The number of used entries.
    pub nr_devices: u32,
    /// The array.
    pub devices: [DevSer],
}

impl Ser {
    /// The size of the header in bytes.
    pub const HEADER: usize = 8;

    /// The size of a block with `devices` entries in bytes, unless it overflows.
    pub const fn size_for(devices: usize) -> Option<usize> {
        match devices.checked_mul(size_of::<DevSer>()) {
            Some(array) => array.checked_add(Self::HEADER),
            None => None,
        }
    }

    /// The offset of entry `nr`, for diagnostics.
    pub const fn offset_of(nr: usize) -> usize {
        match Self::size_for(nr) {
            Some(offset) => offset,
            None => usize::MAX,
        }
    }
}

// The layout, checked at compile time. The C header is checked by a C compiler.
const _: () = {
    assert!(offset_of!(DevSer, domain) == 0);
    assert!(offset_of!(DevSer, bdf) == 4);
    assert!(offset_of!(DevSer, refcount) == 6);
    assert!(size_of::<DevSer>() == 8);
    assert!(offset_of!(Ser, max_nr_devices) == 0);
    assert!(offset_of!(Ser, nr_devices) == 4);
    assert!(offset_of!(Ser, nr_devices) + size_of::<u32>() == Ser::HEADER);
};
