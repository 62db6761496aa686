// SPDX-License-Identifier: GPL-2.0

//! What is handed over about a file.
//!
//! `include/linux/kho/abi/vfio_pci.h` states the same layout independently. The same file is
//! compiled into the kernel and, by cargo, into the host tests.

use core::{
    ffi::CStr,
    fmt, //
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

/// The name by which another kernel knows the layout.
pub const COMPATIBLE: &CStr = c"vfio-pci-cdev-v1";

/// The version that this kernel writes, and the only one that it reads.
pub const VERSION: u32 = 1;

/// `struct vfio_pci_file_ser`
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct FileSer {
    /// [`VERSION`].
    pub version: u32,
    /// The PCI segment.
    pub domain: u32,
    /// `bus << 8 | devfn`.
    pub bdf: u16,
    /// 0.
    pub reserved: u16,
}

/// Where a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// The PCI segment.
    pub domain: u32,
    /// `bus << 8 | devfn`.
    pub bdf: u16,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [devfn, bus] = self.bdf.to_le_bytes();

        write!(
            f,
            "{:04x}:{bus:02x}:{:02x}.{}",
            self.domain,
            devfn >> 3,
            devfn & 7
        )
    }
}

/// Why the file of another kernel is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is in another version.
    Version(u32),
    /// What is reserved is used.
    Reserved(u16),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(found) => write!(f, "in version {found}, expected {VERSION}"),
            Self::Reserved(found) => write!(f, "with {found:#x} where 0 is expected"),
        }
    }
}

impl FileSer {
    /// What is handed over about the file of a device.
    pub const fn new(location: Location) -> Self {
        Self {
            version: VERSION,
            domain: location.domain,
            bdf: location.bdf,
            reserved: 0,
        }
    }

    /// Reads what another kernel wrote.
    pub const fn location(&self) -> Result<Location, Unreadable> {
        if self.version != VERSION {
            return Err(Unreadable::Version(self.version));
        }
        if self.reserved != 0 {
            return Err(Unreadable::Reserved(self.reserved));
        }

        Ok(Location {
            domain: self.domain,
            bdf: self.bdf,
        })
    }
}
