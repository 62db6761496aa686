// SPDX-License-Identifier: GPL-2.0

//! The table in the layout of `pci`: a list of blocks.

use super::{
    Page,
    Table, //
};
use crate::abi::{
    blocks::{
        Block,
        Head,
        ENTRIES,
        VERSION, //
    },
    DevSer,
    Place, //
};
use core::ops::DerefMut;

/// Where the list has an entry. Whoever remembers it saves a division.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    block: u32,
    at: u32,
}

impl Spot {
    /// That of entry `nr`.
    #[inline]
    pub const fn of(nr: u32) -> Self {
        let (block, at) = Place(nr).split();

        // CAST: neither is more than `nr`.
        Self {
            block: block as u32,
            at: at as u32,
        }
    }
}

/// A list of blocks.
///
/// All pages are there from the start, so that no step needs memory. KHO refuses a list that has a
/// block without entries, so a page becomes part of the list with its first entry.
///
/// # Invariants
///
/// The list has the first `linked` of `pages`, in their order. `count` of each of them is at least
/// 1, and that of the others is 0.
pub struct Blocks<H, P> {
    head: H,
    pages: P,
    linked: usize,
}

impl<H, P, B> Blocks<H, P>
where
    H: DerefMut<Target = Head>,
    P: DerefMut<Target = [B]>,
    B: Page,
{
    /// Starts with no entry in use.
    pub fn new(mut head: H, mut pages: P) -> Self {
        *head = Head {
            version: VERSION,
            ..Head::default()
        };
        for page in pages.iter_mut() {
            (page.next, page.count) = (0, 0);
            page.devices.fill(DevSer::default());
        }

        // INVARIANT: the list is empty.
        Self {
            head,
            pages,
            linked: 0,
        }
    }

    /// The number of pages that `entries` take.
    pub const fn pages_for(entries: usize) -> usize {
        entries.div_ceil(ENTRIES)
    }

    /// How many entries there is room for.
    pub fn capacity(&self) -> u32 {
        let entries = self.pages.len().saturating_mul(ENTRIES);

        u32::try_from(entries).unwrap_or(u32::MAX)
    }

    /// What the list begins with.
    pub fn head(&self) -> &H {
        &self.head
    }

    /// All pages, linked or not.
    pub fn pages(&self) -> &P {
        &self.pages
    }

    /// Gives the memory back.
    pub fn into_memory(self) -> (H, P) {
        (self.head, self.pages)
    }

    /// Entry `nr`, which is free if it was never written.
    pub fn get(&self, nr: u32) -> DevSer {
        let (block, entry) = Place(nr).split();
        let page = self.pages.get(block);

        page.and_then(|page| page.devices.get(entry).copied())
            .unwrap_or_default()
    }

    /// Has the list lead to page `block`, if it is there.
    #[cold]
    fn extend(&mut self, block: usize) {
        if block >= self.pages.len() {
            return;
        }
        // INVARIANT: each of them gets a count before the list leads to it.
        for nr in self.linked..=block {
            self.link(nr);
        }
    }

    /// Adds a page to the list, behind all others, with one free entry.
    fn link(&mut self, nr: usize) {
        let Some(page) = self.pages.get_mut(nr) else {
            return;
        };
        page.count = 1;
        let address = page.address();

        match nr.checked_sub(1) {
            None => self.head.first = address,
            Some(last) => {
                if let Some(last) = self.pages.get_mut(last) {
                    last.next = address;
                }
            }
        }
        self.linked = nr + 1;
    }
}

impl<H, P, B> Table for Blocks<H, P>
where
    H: DerefMut<Target = Head>,
    P: DerefMut<Target = [B]>,
    B: Page,
{
    #[inline]
    fn set(&mut self, nr: u32, entry: DevSer) {
        let (block, at) = Place(nr).split();
        if block >= self.linked {
            self.extend(block);
        }

        if let Some(page) = self.pages.get_mut(block) {
            let page: &mut Block = page;
            page.devices[at] = entry;
            page.count = page.count.max(at as u64 + 1);
        }
    }

    #[inline]
    fn set_count(&mut self, _nr: u32, spot: Spot, count: u16) {
        // CAST: the core is for 64-bit kernels, where nothing is lost.
        let (block, at) = (spot.block as usize, spot.at as usize);

        if let Some(page) = self.pages.get_mut(block) {
            if let Some(entry) = page.devices.get_mut(at) {
                entry.refcount = count;
            }
        }
    }

    #[inline]
    fn set_number(&mut self, nr: u32) {
        self.head.nr_devices = nr;
    }
}
