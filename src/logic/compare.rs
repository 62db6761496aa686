// SPDX-License-Identifier: GPL-2.0

//! Whether two lists of the same devices say the same.

use super::{
    Arrival,
    Incoming,
    Index, //
};
use crate::abi::Key;
use core::{
    fmt,
    ops::DerefMut, //
};

/// A function for which `pci-v3` and `pci` do not say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Differ {
    /// The function.
    pub key: Key,
    /// Its count in `pci-v3`, if it has an entry there.
    pub array: Option<u16>,
    /// Its count in `pci`, if it has an entry there.
    pub blocks: Option<u16>,
}

impl fmt::Display for Differ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} with one count, found ", self.key)?;
        for (name, count, and) in [("pci-v3", self.array, " and "), ("pci", self.blocks, "")] {
            match count {
                Some(count) => write!(f, "{count} in {name}{and}")?,
                None => write!(f, "no entry in {name}{and}")?,
            }
        }
        Ok(())
    }
}

/// Compares what was handed over as `pci-v3` and as `pci`, entry by entry.
///
/// The order of the entries means nothing. If `blocks` knows nothing of bridges, it cannot be told
/// what is missing there, and counts do not compare.
pub fn compare<E, I>(array: &Incoming<E, I>, blocks: &Incoming<E, I>) -> Result<(), Differ>
where
    E: DerefMut<Target = [Arrival]>,
    I: Index,
{
    let differ = |key| Differ {
        key,
        array: array.count(key),
        blocks: blocks.count(key),
    };
    let counts = blocks.counts_bridges();

    let different = array
        .iter()
        .find(|entry| counts && blocks.count(entry.key) != Some(entry.refcount));
    if let Some(entry) = different {
        return Err(differ(entry.key));
    }
    // What both have is the same by now, if counts compare.
    match blocks.iter().find(|e| array.count(e.key).is_none()) {
        Some(entry) => Err(differ(entry.key)),
        None => Ok(()),
    }
}
