// SPDX-License-Identifier: GPL-2.0

//! What the next kernel reads.

use super::{
    Blocks,
    Spot, //
};
use crate::abi::{
    blocks::{
        Block,
        Head,
        Memory, //
    },
    check,
    walk,
    Corrupt,
    DevSer,
    Key,
    Ser,
    Unreadable, //
};
use core::{
    fmt,
    ops::DerefMut, //
};

/// The preserved functions in a layout that the next kernel knows.
///
/// The core never reads it back to find out what it holds.
pub trait Table {
    /// Writes entry `nr`.
    fn set(&mut self, nr: u32, entry: DevSer);

    /// Writes the count of entry `nr`, which is in use, and stays so. `spot` is [`Spot::of`] it.
    fn set_count(&mut self, nr: u32, spot: Spot, count: u16);

    /// Writes how many entries are in use.
    fn set_number(&mut self, nr: u32);
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

    /// Gives the memory back.
    pub fn into_memory(self) -> M {
        self.0
    }

    /// How many entries there is room for.
    pub fn capacity(&self) -> u32 {
        self.0.max_nr_devices
    }

    /// Entry `nr`, which is free if there is none.
    pub fn get(&self, nr: u32) -> DevSer {
        // CAST: the core is for 64-bit kernels, where nothing is lost.
        let entry = self.0.devices.get(nr as usize);

        entry.copied().unwrap_or_default()
    }

    /// Checks the memory as the next kernel will.
    pub fn check(&self) -> Result<(), Corrupt> {
        check(&self.0).map(|_| ())
    }
}

impl<M: DerefMut<Target = Ser>> Table for Array<M> {
    #[inline]
    fn set(&mut self, nr: u32, entry: DevSer) {
        // CAST: the core is for 64-bit kernels, where nothing is lost.
        if let Some(slot) = self.0.devices.get_mut(nr as usize) {
            *slot = entry;
        }
    }

    #[inline]
    fn set_count(&mut self, nr: u32, _spot: Spot, count: u16) {
        // CAST: the core is for 64-bit kernels, where nothing is lost.
        if let Some(slot) = self.0.devices.get_mut(nr as usize) {
            slot.refcount = count;
        }
    }

    #[inline]
    fn set_number(&mut self, nr: u32) {
        self.0.nr_devices = nr;
    }
}

/// A page whose address can be handed over.
pub trait Page: DerefMut<Target = Block> + 'static {
    /// Its physical address.
    fn address(&self) -> u64;
}

/// The tables of all formats that are handed over at the moment. All of them say the same.
///
/// Each comes and goes with its own FLB.
pub struct Tables<A, H, P> {
    /// `pci-v3`.
    pub array: Option<Array<A>>,
    /// `pci`.
    pub blocks: Option<Blocks<H, P>>,
}

/// What the next kernel would refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// The array.
    Array(Corrupt),
    /// The list of blocks.
    Blocks(Unreadable),
    /// Both are consistent, but this entry is not the same in both.
    Differ(Key, u32),
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Array(corrupt) => write!(f, "pci-v3: {corrupt}"),
            Self::Blocks(unreadable) => write!(f, "pci: {unreadable}"),
            Self::Differ(key, nr) => write!(f, "entry {nr}, {key}, differs in pci-v3 and pci"),
        }
    }
}

impl<A, H, P> Tables<A, H, P> {
    /// No table.
    pub const NONE: Self = Self {
        array: None,
        blocks: None,
    };

    /// Whether nothing is handed over.
    pub fn is_empty(&self) -> bool {
        self.array.is_none() && self.blocks.is_none()
    }
}

impl<A, H, P, B> Tables<A, H, P>
where
    A: DerefMut<Target = Ser>,
    H: DerefMut<Target = Head>,
    P: DerefMut<Target = [B]>,
    B: Page,
{
    /// Checks the memory as the next kernel will.
    pub fn check(&self) -> Result<(), Bad> {
        if let Some(array) = &self.array {
            array.check().map_err(Bad::Array)?;
        }
        if let Some(blocks) = &self.blocks {
            walk(blocks.head(), blocks).map_err(Bad::Blocks)?;
        }
        self.compare()
    }

    /// Compares the used entries of both tables.
    fn compare(&self) -> Result<(), Bad> {
        let (Some(array), Some(blocks)) = (&self.array, &self.blocks) else {
            return Ok(());
        };

        for nr in 0..array.capacity().max(blocks.capacity()) {
            let (one, other) = (array.get(nr), blocks.get(nr));
            if one != other && (one.is_used() || other.is_used()) {
                let named = if one.is_used() { one } else { other };
                return Err(Bad::Differ(named.key(), nr));
            }
        }
        Ok(())
    }
}

impl<A, H, P, B> Table for Tables<A, H, P>
where
    A: DerefMut<Target = Ser>,
    H: DerefMut<Target = Head>,
    P: DerefMut<Target = [B]>,
    B: Page,
{
    #[inline]
    fn set(&mut self, nr: u32, entry: DevSer) {
        if let Some(array) = &mut self.array {
            array.set(nr, entry);
        }
        if let Some(blocks) = &mut self.blocks {
            blocks.set(nr, entry);
        }
    }

    #[inline]
    fn set_count(&mut self, nr: u32, spot: Spot, count: u16) {
        if let Some(array) = &mut self.array {
            array.set_count(nr, spot, count);
        }
        if let Some(blocks) = &mut self.blocks {
            blocks.set_count(nr, spot, count);
        }
    }

    #[inline]
    fn set_number(&mut self, nr: u32) {
        if let Some(array) = &mut self.array {
            array.set_number(nr);
        }
        if let Some(blocks) = &mut self.blocks {
            blocks.set_number(nr);
        }
    }
}

impl<H, P, B> Memory for Blocks<H, P>
where
    H: DerefMut<Target = Head>,
    P: DerefMut<Target = [B]>,
    B: Page,
{
    fn block(&self, address: u64) -> Option<&Block> {
        self.pages()
            .iter()
            .find(|page| page.address() == address)
            .map(|page| &**page)
    }
}
