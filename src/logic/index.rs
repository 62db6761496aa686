// SPDX-License-Identifier: GPL-2.0

//! Where to find the entry of a function that has just been enumerated.

use crate::abi::Key;

/// A map from addresses to the numbers of entries.
///
/// The kernel has an xarray for it, the host tests have a hash map.
pub trait Index {
    /// Why a function could not be added.
    type Error;

    /// Returns the number that is kept for `key`.
    fn get(&self, key: Key) -> Option<u32>;

    /// Keeps `nr` for `key`, and returns what was kept for it before.
    fn insert(&mut self, key: Key, nr: u32) -> Result<Option<u32>, Self::Error>;
}
