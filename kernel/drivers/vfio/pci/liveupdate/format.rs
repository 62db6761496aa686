// SPDX-License-Identifier: GPL-2.0

//! What is handed over about a file.
//!
//! C header: [`include/linux/kho/abi/vfio_pci.h`](srctree/include/linux/kho/abi/vfio_pci.h)

use core::mem::offset_of;
use kernel::{
    bindings,
    fmt,
    prelude::*, //
};
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// The version that this kernel writes, and the only one that it reads.
const VERSION: u32 = bindings::VFIO_PCI_FILE_VERSION;

/// `struct vfio_pci_file_ser`
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct FileSer {
    version: u32,
    domain: u32,
    bdf: u16,
    reserved: u16,
}

const _: () = {
    type C = bindings::vfio_pci_file_ser;

    assert!(size_of::<FileSer>() == size_of::<C>());
    assert!(offset_of!(FileSer, version) == offset_of!(C, version));
    assert!(offset_of!(FileSer, domain) == offset_of!(C, domain));
    assert!(offset_of!(FileSer, bdf) == offset_of!(C, bdf));
    assert!(offset_of!(FileSer, reserved) == offset_of!(C, reserved));
};

/// Where a device is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) domain: u32,
    pub(crate) bdf: u16,
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

impl FileSer {
    /// Writes the location of the device.
    pub(crate) fn write(&mut self, location: Location) {
        *self = Self {
            version: VERSION,
            domain: location.domain,
            bdf: location.bdf,
            reserved: 0,
        };
    }

    /// Reads what another kernel wrote.
    pub(crate) fn location(&self) -> Result<Location> {
        if self.version != VERSION {
            pr_err!(
                "a file is handed over in version {}, expected {VERSION}\n",
                self.version
            );
            return Err(EPROTONOSUPPORT);
        }
        if self.reserved != 0 {
            pr_err!(
                "a file is handed over with {:#x} where 0 is expected\n",
                self.reserved
            );
            return Err(EINVAL);
        }

        Ok(Location {
            domain: self.domain,
            bdf: self.bdf,
        })
    }
}
