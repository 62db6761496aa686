// SPDX-License-Identifier: GPL-2.0

//! How a function remembers its entry.

use core::num::NonZeroU32;

/// The number of an entry, counted from 1, so that a zeroed device has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(NonZeroU32);

impl Slot {
    /// The slot of entry `nr`, counted from 0.
    pub const fn of(nr: u32) -> Option<Self> {
        match nr.checked_add(1) {
            Some(raw) => Self::from_raw(raw),
            None => None,
        }
    }

    /// The slot that a device has in its memory: none if that is 0.
    pub const fn from_raw(raw: u32) -> Option<Self> {
        match NonZeroU32::new(raw) {
            Some(raw) => Some(Self(raw)),
            None => None,
        }
    }

    /// What a device has in its memory.
    pub const fn into_raw(slot: Option<Self>) -> u32 {
        match slot {
            Some(Self(raw)) => raw.get(),
            None => 0,
        }
    }

    /// The number of the entry, counted from 0.
    pub const fn nr(self) -> u32 {
        self.0.get() - 1
    }

    /// The same as an index.
    pub const fn index(self) -> usize {
        // CAST: the core is for 64-bit kernels, where nothing is lost.
        self.nr() as usize
    }
}
