// SPDX-License-Identifier: GPL-2.0

//! Checks a block that another kernel wrote.
//!
//! The previous kernel is trusted not to be malicious, but not to be correct. [`check`] is a total
//! function: it accepts or refuses any bytes, and reads nothing outside of them.

use super::{
    DevSer,
    Key,
    Ser, //
};
use core::fmt;

/// The reason why a block is refused.
///
/// Printed as one line with the offset, the expected and the found value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corrupt {
    /// The address of the block is not that of memory from KHO.
    Nowhere {
        /// The address is null.
        null: bool,
    },
    /// The array does not fit into the memory of the block.
    Capacity {
        /// `max_nr_devices`.
        found: u32,
        /// The entries that fit.
        fits: usize,
    },
    /// More entries are used than the array has.
    Overfull {
        /// `nr_devices`.
        found: u32,
        /// `max_nr_devices`.
        max: u32,
    },
    /// `nr_devices` is not the number of used entries.
    Miscounted {
        /// `nr_devices`.
        found: u32,
        /// The used entries that were counted.
        used: usize,
    },
    /// Two used entries name the same function.
    Repeated {
        /// The function.
        key: Key,
        /// The index of the first entry that names it.
        first: usize,
        /// The index of the second entry that names it.
        again: usize,
    },
}

impl Corrupt {
    /// Entries `first` and `again` name the same function.
    pub const fn repeated(key: Key, first: u32, again: u32) -> Self {
        // CAST: nothing is lost where the core is built, which is for 64 bits.
        Self::Repeated {
            key,
            first: first as usize,
            again: again as usize,
        }
    }

    /// The offset of the invalid value in the block.
    pub const fn offset(&self) -> usize {
        match self {
            Self::Nowhere { .. } | Self::Capacity { .. } => 0,
            Self::Overfull { .. } | Self::Miscounted { .. } => 4,
            Self::Repeated { again, .. } => Ser::offset_of(*again),
        }
    }
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at offset {}: ", self.offset())?;
        match self {
            Self::Nowhere { null } => {
                let found = if *null { "a null handle" } else { "none" };
                write!(f, "expected memory preserved by KHO, found {found}")
            }
            Self::Capacity { found, fits } => {
                write!(f, "expected max_nr_devices <= {fits}, found {found}")
            }
            Self::Overfull { found, max } => {
                write!(f, "expected nr_devices <= {max}, found {found}")
            }
            Self::Miscounted { found, used } => {
                write!(
                    f,
                    "expected nr_devices = {used}, the used entries, found {found}"
                )
            }
            Self::Repeated { key, first, .. } => {
                let first = Ser::offset_of(*first);
                write!(
                    f,
                    "expected each function once, found {key} of offset {first} again"
                )
            }
        }
    }
}

/// Returns the array of `ser` if its numbers are consistent with each other and with the size of
/// its memory.
///
/// This does not detect functions that are named twice, which takes memory. The caller does so
/// when it indexes the entries.
pub fn check(ser: &Ser) -> Result<&[DevSer], Corrupt> {
    let max = ser.max_nr_devices;
    let found = ser.nr_devices;

    let devices = usize::try_from(max)
        .ok()
        .and_then(|max| ser.devices.get(..max))
        .ok_or(Corrupt::Capacity {
            found: max,
            fits: ser.devices.len(),
        })?;
    if found > max {
        return Err(Corrupt::Overfull { found, max });
    }

    let used = devices.iter().filter(|dev| dev.is_used()).count();
    if usize::try_from(found) != Ok(used) {
        return Err(Corrupt::Miscounted { found, used });
    }
    Ok(devices)
}
