// SPDX-License-Identifier: GPL-2.0

//! The layout of the record: what each preserved function is.
//!
//! A physically contiguous block beside the list of devices, native endian. Its physical address is
//! the handle of the FLB named [`COMPATIBLE`]:
//!
//! ```text
//!   0         4         8                            8 + 32 * max_nr
//!   +---------+---------+----------------------------+
//!   | max_nr  | nr      | { an Identity } per entry  | ...
//!   +---------+---------+----------------------------+
//! ```
//!
//! `include/linux/kho/abi/pci_identity.h` states it independently. The list of devices counts
//! without a record as well: one that is damaged, or of another layout, is ignored. Only where it
//! names a function that the only list does not, it cannot be told which of them is wrong.

use super::Key;
use core::{
    ffi::CStr,
    fmt,
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

/// The name of the FLB for a record of this layout.
pub const COMPATIBLE: &CStr = c"pci-identity-v1";

/// What a function is, as its registers say before any quirk, and the state that it was left in.
///
/// An entry whose flags are all 0 is free, and the rest of it means nothing.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, Immutable, IntoBytes, KnownLayout,
)]
#[repr(C)]
pub struct Identity {
    /// The PCI segment.
    pub domain: u32,
    /// `bus << 8 | devfn`.
    pub bdf: u16,
    /// See [`Identity::USED`] and those after it.
    pub flags: u8,
    /// Header Type, without the Multi-Function bit.
    pub header_type: u8,
    /// Vendor ID.
    pub vendor: u16,
    /// Device ID.
    pub device: u16,
    /// Subsystem Vendor ID, of a function that is not a bridge.
    pub subsystem_vendor: u16,
    /// Subsystem ID, of a function that is not a bridge.
    pub subsystem: u16,
    /// Class Code above Revision ID.
    pub class_revision: u32,
    /// ACS Control.
    pub acs_ctrl: u16,
    /// Primary, Secondary and Subordinate Bus Number of a bridge.
    pub buses: [u8; 3],
    /// 0.
    pub reserved: [u8; 7],
}

impl Identity {
    /// The entry is in use.
    pub const USED: u8 = 1 << 0;
    /// DMA of the function goes on: its Bus Master bit stays set.
    pub const DMA: u8 = 1 << 1;
    /// `acs_ctrl` is that of the function, which has one.
    pub const ACS: u8 = 1 << 2;
    /// ARI Forwarding of the bridge is on.
    pub const ARI: u8 = 1 << 3;

    /// The function of this entry.
    pub const fn key(&self) -> Key {
        Key::new(self.domain, self.bdf)
    }

    /// Whether the entry is in use.
    pub const fn is_used(&self) -> bool {
        self.flags != 0
    }

    /// Whether all of these flags are set.
    pub const fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    /// Sets these flags, or clears them.
    pub fn set(&mut self, flags: u8, on: bool) {
        if on {
            self.flags |= flags;
        } else {
            self.flags &= !flags;
        }
    }
}

/// The whole block. `entries` covers all the memory after the header.
#[derive(Debug, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct Record {
    /// The length of the array.
    pub max_nr: u32,
    /// The number of used entries.
    pub nr: u32,
    /// The array.
    pub entries: [Identity],
}

impl Record {
    /// The size of the header in bytes.
    pub const HEADER: usize = 8;

    /// The size of a block with that many entries in bytes, unless it overflows.
    pub const fn size_for(entries: usize) -> Option<usize> {
        match entries.checked_mul(size_of::<Identity>()) {
            Some(array) => array.checked_add(Self::HEADER),
            None => None,
        }
    }

    /// Writes entry `nr`, if there is one. A default one is free.
    pub fn put(&mut self, nr: u32, identity: Identity) {
        let entry = usize::try_from(nr).ok();
        let Some(entry) = entry.and_then(|nr| self.entries.get_mut(nr)) else {
            return;
        };

        match (entry.is_used(), identity.is_used()) {
            (false, true) => self.nr = self.nr.saturating_add(1),
            (true, false) => self.nr = self.nr.saturating_sub(1),
            _ => {}
        }
        *entry = identity;
    }

    /// Frees the used entries for which `keep` is false.
    pub fn retain(&mut self, keep: impl Fn(u32, &Identity) -> bool) {
        for nr in 0..self.max_nr {
            let entry = usize::try_from(nr).ok().and_then(|nr| self.entries.get(nr));
            if entry.is_some_and(|entry| entry.is_used() && !keep(nr, entry)) {
                self.put(nr, Identity::default());
            }
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

/// Why a record is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damaged {
    /// The array does not fit into the memory of the block.
    Capacity {
        /// `max_nr`.
        found: u32,
        /// The entries that fit.
        fits: usize,
    },
    /// `nr` is not the number of used entries.
    Miscounted {
        /// `nr`.
        found: u32,
        /// The used entries that were counted.
        used: usize,
    },
    /// A used entry has flags or bytes that this layout does not have.
    Unknown {
        /// The index of the entry.
        nr: usize,
    },
    /// A used entry names a function that is not in the list of devices.
    Unlisted {
        /// The index of the entry.
        nr: usize,
        /// The function.
        key: Key,
    },
    /// Two used entries name the same function.
    Repeated {
        /// The index of the second one.
        nr: usize,
        /// The function.
        key: Key,
    },
}

impl Damaged {
    /// The offset of the invalid value in the block.
    pub const fn offset(&self) -> usize {
        match self {
            Self::Capacity { .. } => 0,
            Self::Miscounted { .. } => 4,
            Self::Unknown { nr } | Self::Unlisted { nr, .. } | Self::Repeated { nr, .. } => {
                Record::offset_of(*nr)
            }
        }
    }
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at offset {}: ", self.offset())?;
        match self {
            Self::Capacity { found, fits } => write!(f, "expected max_nr <= {fits}, found {found}"),
            Self::Miscounted { found, used } => {
                write!(f, "expected nr = {used}, the used entries, found {found}")
            }
            Self::Unknown { .. } => f.write_str("expected known flags and zeros, found others"),
            Self::Unlisted { key, .. } => {
                write!(f, "expected a preserved function, found {key}")
            }
            Self::Repeated { key, .. } => {
                write!(f, "expected each function once, found {key} again")
            }
        }
    }
}

/// Returns the used entries of `record` with their indexes, if its numbers are consistent with each
/// other and with the size of its memory, and all of it is known.
///
/// Whether each function is named once, and preserved, is for the caller to find out.
pub fn check(record: &Record) -> Result<impl Iterator<Item = (usize, &Identity)>, Damaged> {
    let entries = usize::try_from(record.max_nr)
        .ok()
        .and_then(|max| record.entries.get(..max))
        .ok_or(Damaged::Capacity {
            found: record.max_nr,
            fits: record.entries.len(),
        })?;
    let used = || {
        let all = entries.iter().enumerate();
        all.filter(|(_, entry)| entry.is_used())
    };

    let count = used().count();
    if usize::try_from(record.nr) != Ok(count) {
        return Err(Damaged::Miscounted {
            found: record.nr,
            used: count,
        });
    }
    match used().find(|(_, entry)| !is_known(entry)) {
        Some((nr, _)) => Err(Damaged::Unknown { nr }),
        None => Ok(used()),
    }
}

/// Whether an entry that is in use says nothing that this layout does not have.
fn is_known(entry: &Identity) -> bool {
    let flags = Identity::USED | Identity::DMA | Identity::ACS | Identity::ARI;

    entry.has(Identity::USED) && entry.flags & !flags == 0 && entry.reserved == [0; 7]
}

// The layout, checked at compile time. The C header is checked by a C compiler.
const _: () = {
    assert!(offset_of!(Identity, domain) == 0);
    assert!(offset_of!(Identity, bdf) == 4);
    assert!(offset_of!(Identity, flags) == 6);
    assert!(offset_of!(Identity, header_type) == 7);
    assert!(offset_of!(Identity, vendor) == 8);
    assert!(offset_of!(Identity, device) == 10);
    assert!(offset_of!(Identity, subsystem_vendor) == 12);
    assert!(offset_of!(Identity, subsystem) == 14);
    assert!(offset_of!(Identity, class_revision) == 16);
    assert!(offset_of!(Identity, acs_ctrl) == 20);
    assert!(offset_of!(Identity, buses) == 22);
    assert!(offset_of!(Identity, reserved) == 25);
    assert!(size_of::<Identity>() == 32);
    assert!(offset_of!(Record, max_nr) == 0);
    assert!(offset_of!(Record, nr) == 4);
    assert!(offset_of!(Record, nr) + size_of::<u32>() == Record::HEADER);
};
