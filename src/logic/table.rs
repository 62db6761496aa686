// SPDX-License-Identifier: GPL-2.0

//! What the next kernel reads.

use crate::abi::{
    check,
    Corrupt,
    DevSer,
    Ser, //
};
use core::ops::DerefMut;

/// The preserved functions in a layout that the next kernel knows.
///
/// The core never reads it back to find out what it holds.
pub trait Table {
    /// How many entries there is room for.
    fn capacity(&self) -> u32;

    /// Writes entry `nr`.
    fn set(&mut self, nr: u32, entry: DevSer);

    /// Writes how many entries are in use.
    fn set_number(&mut self, nr: u32);

    /// Checks the memory as the next kernel will.
    fn check(&self) -> Result<(), Corrupt>;
}

/// A table in the layout of `pci-v3`: one array.
pub struct Array<M>(M);

impl<M: DerefMut<Target = Ser>> Array<M> {
    /// Starts with no entry in use, in all of `memory`.
    pub fn new(mut memory: M) -> Self {
        memory.devices.fill(DevSer::default());
        memory.nr_devices = 0;
        memory.max_nr_devices = u32::try_from(memory.devices.len()).unwrap_or(u32::MAX);

        Self(memory)
    }

    /// The memory.
    pub fn memory(&self) -> &M {
        &self.0
    }
}

impl<M: DerefMut<Target = Ser>> Table for Array<M> {
    fn capacity(&self) -> u32 {
        self.0.max_nr_devices
    }

    #[inline]
    fn set(&mut self, nr: u32, entry: DevSer) {
        // CAST: the core is for 64-bit kernels, where nothing is lost.
        if let Some(slot) = self.0.devices.get_mut(nr as usize) {
            *slot = entry;
        }
    }

    #[inline]
    fn set_number(&mut self, nr: u32) {
        self.0.nr_devices = nr;
    }

    fn check(&self) -> Result<(), Corrupt> {
        check(&self.0).map(|_| ())
    }
}
