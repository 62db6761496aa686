// SPDX-License-Identifier: GPL-2.0

//! The contract between two kernels: what a handover of PCI devices looks like in memory.
//!
//! One physically contiguous block, native endian, whose physical address travels as the handle of
//! the FLB named [`COMPATIBLE`]:
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
//! This interface is a contract with kernels that were built earlier and later than this one, in C
//! as well: `include/linux/kho/abi/pci.h` states the same layout independently. Whatever is added
//! one day travels in an FLB of its own, under a name of its own.
//!
//! Nothing here allocates, panics, or reads outside the bytes that it was given. The same files are
//! compiled into the kernel and, by cargo, into the host tests.

mod decode;
mod key;

pub use decode::{
    check,
    Corrupt, //
};
pub use key::Key;

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

/// The name of the FLB that carries a block of this layout.
pub const COMPATIBLE: &CStr = c"pci-v3";

/// Names under which other kernels hand PCI devices over in layouts that are not this one.
pub const FOREIGN: [&CStr; 3] = [c"pci", c"pci-v1", c"pci-v2"];

/// One function: the entry is free while `refcount` is 0.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, Immutable, IntoBytes, KnownLayout,
)]
#[repr(C)]
pub struct DevSer {
    /// The PCI segment.
    pub domain: u32,
    /// `bus << 8 | devfn`.
    pub bdf: u16,
    /// How many preserved devices there are at or below this function.
    pub refcount: u16,
}

impl DevSer {
    /// The function that this entry is about.
    pub const fn key(&self) -> Key {
        Key::new(self.domain, self.bdf)
    }

    /// Whether the entry says anything at all.
    pub const fn is_used(&self) -> bool {
        self.refcount != 0
    }
}

/// The whole block. `devices` spans all the memory behind the header, used or not.
#[derive(Debug, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct Ser {
    /// The length of the array, as the kernel that wrote it saw it.
    pub max_nr_devices: u32,
    /// How many entries of the array are in use.
    pub nr_devices: u32,
    /// The array.
    pub devices: [DevSer],
}

impl Ser {
    /// The bytes in front of the array.
    pub const HEADER: usize = 8;

    /// The bytes that a block with room for `devices` entries takes, if they can be counted.
    pub const fn size_for(devices: usize) -> Option<usize> {
        match devices.checked_mul(size_of::<DevSer>()) {
            Some(array) => array.checked_add(Self::HEADER),
            None => None,
        }
    }

    /// The offset of entry `nr`, for a diagnosis.
    pub const fn offset_of(nr: usize) -> usize {
        match Self::size_for(nr) {
            Some(offset) => offset,
            None => usize::MAX,
        }
    }
}

// The layout, stated once more where the compiler checks it. A C compiler checks the header.
const _: () = {
    assert!(offset_of!(DevSer, domain) == 0);
    assert!(offset_of!(DevSer, bdf) == 4);
    assert!(offset_of!(DevSer, refcount) == 6);
    assert!(size_of::<DevSer>() == 8);
    assert!(offset_of!(Ser, max_nr_devices) == 0);
    assert!(offset_of!(Ser, nr_devices) == 4);
    assert!(offset_of!(Ser, nr_devices) + size_of::<u32>() == Ser::HEADER);
};
