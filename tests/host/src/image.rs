// SPDX-License-Identifier: GPL-2.0

//! Memory of another kernel, as KHO kept it: whole pages at known addresses.
//!
//! Page `nr` of an image is at address [`address`]`(nr)`. No other address has memory.

use crate::{
    abi::blocks::{
        Block,
        Head,
        Memory, //
    },
    folio::PAGE, //
};
use zerocopy::{
    FromBytes,
    IntoBytes, //
};

/// The address of page `nr` of an image.
pub fn address(nr: usize) -> u64 {
    (PAGE * (nr + 1)) as u64
}

/// Some pages. They are written at plain offsets, without the types of the ABI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    words: Vec<u64>,
    head: usize,
    nr: u32,
}

impl Image {
    /// `pages` pages of zeros; the head is at the beginning of page `head`.
    pub fn new(pages: usize, head: usize) -> Self {
        assert!(head < pages, "there is a head");

        Self {
            words: vec![0; pages * PAGE / 8],
            head,
            nr: 0,
        }
    }

    /// `bytes` with zeros behind them up to whole pages, at least one.
    pub fn of(bytes: &[u8], head: usize) -> Self {
        let pages = bytes.len().div_ceil(PAGE).max(head + 1);

        Self::new(pages, head).put(0, bytes)
    }

    /// A list with `counts[nr]` entries in block `nr`, all free, in the pages behind the head.
    pub fn list(head: usize, counts: &[u64]) -> Self {
        let first = head + 1;
        let start = Self::new(first + counts.len(), head).version(2);
        let page = |nr: usize| (nr < counts.len()).then(|| address(first + nr));

        let empty = start.first(page(0).unwrap_or(0));
        counts
            .iter()
            .enumerate()
            .fold(empty, |image, (nr, &count)| {
                image.block(nr, page(nr + 1).unwrap_or(0), count)
            })
    }

    /// Sets the version.
    pub fn version(self, version: u32) -> Self {
        let at = self.head * PAGE;

        self.put(at, &version.to_ne_bytes())
    }

    /// Sets the number of devices.
    pub fn nr(self, nr: u32) -> Self {
        let at = self.head * PAGE + 4;

        Self { nr, ..self }.put(at, &nr.to_ne_bytes())
    }

    /// Sets the address of the first block.
    pub fn first(self, address: u64) -> Self {
        let at = self.head * PAGE + 8;

        self.put(at, &address.to_ne_bytes())
    }

    /// Sets the address of the next block and the count of block `nr`.
    pub fn block(self, nr: usize, next: u64, count: u64) -> Self {
        let at = (self.head + 1 + nr) * PAGE;

        self.put(at, &next.to_ne_bytes())
            .put(at + 8, &count.to_ne_bytes())
    }

    /// Writes entry `at` of block `nr`, and counts it in the head if it is in use.
    pub fn entry(self, nr: usize, at: usize, domain: u32, bdf: u16, count: u16) -> Self {
        let used = self.nr + u32::from(count != 0);

        self.nr(used).stray(nr, at, domain, bdf, count)
    }

    /// Writes entry `at` of block `nr`, and leaves the head alone.
    pub fn stray(self, nr: usize, at: usize, domain: u32, bdf: u16, count: u16) -> Self {
        let at = (self.head + 1 + nr) * PAGE + 16 + 8 * at;

        self.put(at, &domain.to_ne_bytes())
            .put(at + 4, &bdf.to_ne_bytes())
            .put(at + 6, &count.to_ne_bytes())
    }

    /// Writes `bytes` at `offset`.
    pub fn put(mut self, offset: usize, bytes: &[u8]) -> Self {
        self.words.as_mut_bytes()[offset..][..bytes.len()].copy_from_slice(bytes);
        self
    }

    /// The head.
    pub fn head(&self) -> &Head {
        match Head::ref_from_prefix(&self.bytes()[self.head * PAGE..]) {
            Ok((head, _)) => head,
            Err(_) => unreachable!("a page holds an aligned head"),
        }
    }

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        self.words.as_bytes()
    }

    /// The bytes of the page at an address.
    pub fn page(&self, address: u64) -> Option<&[u8]> {
        let at = usize::try_from(address).ok()?.checked_sub(PAGE)?;
        let page = self.bytes().get(at..)?.get(..PAGE)?;

        at.is_multiple_of(PAGE).then_some(page)
    }
}

impl Memory for Image {
    fn block(&self, address: u64) -> Option<&Block> {
        let page = self.page(address)?;

        match Block::ref_from_bytes(page) {
            Ok(block) => Some(block),
            Err(_) => unreachable!("a page holds an aligned block"),
        }
    }
}
