// SPDX-License-Identifier: GPL-2.0

//! Where to find the entry of a function.

use crate::abi::Key;

/// A map from functions to what this kernel knows about their entries.
///
/// The kernel has an xarray for it, the host tests have a hash map.
pub trait Index {
    /// What is kept for a function.
    type Slot: Copy;
    /// Why a function could not be added.
    type Error;

    /// Returns what is kept for `key`.
    fn get(&self, key: Key) -> Option<Self::Slot>;

    /// Keeps `slot` for `key`, for which there is nothing yet. Changes nothing on failure.
    fn insert(&mut self, key: Key, slot: Self::Slot) -> Result<(), Self::Error>;

    /// Changes what is kept for `key`, if there is anything.
    fn update(&mut self, key: Key, change: impl FnOnce(&mut Self::Slot));

    /// Forgets `key`.
    fn remove(&mut self, key: Key);
}
