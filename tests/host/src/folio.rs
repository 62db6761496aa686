// SPDX-License-Identifier: GPL-2.0

//! Memory for a block.

use crate::abi::Ser;
use std::ops::{
    Deref,
    DerefMut, //
};
use zerocopy::{
    FromBytes,
    IntoBytes, //
};

/// The size of a page on x86-64.
pub const PAGE: usize = 4096;

/// Memory whose size is known whatever a block in it says, as the kernel gets it from KHO.
///
/// # Invariants
///
/// It has at least one word, the header of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folio(Vec<u64>);

impl Folio {
    /// `bytes` with zeros behind them up to `size`, at least a header, rounded up to whole words.
    pub fn new(size: usize, bytes: &[u8]) -> Self {
        let words = size.max(bytes.len()).max(Ser::HEADER).div_ceil(8);

        // INVARIANT: the header alone makes a word.
        let mut folio = Self(vec![0; words]);
        folio.as_mut_bytes()[..bytes.len()].copy_from_slice(bytes);
        folio
    }

    /// A header and room for exactly `devices` entries, all zero.
    pub fn for_devices(devices: usize) -> Self {
        Self::new(Ser::HEADER + 8 * devices, &[])
    }

    /// All bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// All bytes, to be changed.
    pub fn as_mut_bytes(&mut self) -> &mut [u8] {
        self.0.as_mut_bytes()
    }
}

impl Deref for Folio {
    type Target = Ser;

    fn deref(&self) -> &Ser {
        match Ser::ref_from_prefix(self.as_bytes()) {
            Ok((ser, _)) => ser,
            Err(_) => unreachable!("by the type invariant, words hold an aligned header"),
        }
    }
}

impl DerefMut for Folio {
    fn deref_mut(&mut self) -> &mut Ser {
        match Ser::mut_from_prefix(self.as_mut_bytes()) {
            Ok((ser, _)) => ser,
            Err(_) => unreachable!("by the type invariant, words hold an aligned header"),
        }
    }
}
