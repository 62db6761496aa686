// SPDX-License-Identifier: GPL-2.0

//! The memory that a device and its driver share, in a memfd.
//!
//! ```text
//!  page  0            TABLE_END     + STATE
//!       ┌────────────┬─────────────┬──────────────────────────────────┐
//!       │ mark, table│ state of    │ rings and buffers                │
//!       │            │ the driver  │                                  │
//!       └────────────┴─────────────┴──────────────────────────────────┘
//! ```
//!
//! The table has the physical address of each page. They are scattered, so what has to be contiguous
//! for the device is an [`Area`]: a list of pages in the order of their addresses. Such a list is in
//! the state, as everything else that the next kernel's agent has to know.
//!
//! This layout is a contract between kernels, and with `tests/demo/memory.py` on the host.

use std::fs::File;
use std::os::fd::OwnedFd; //

use crate::drivers::index;
use crate::drivers::require;
use crate::drivers::Window;
use crate::errno::Errno;
use crate::errno::Result;
use crate::iommufd;
use crate::sys::Mapping; //

pub(super) const PAGE: usize = 4096;
const PAGE_BYTES: u64 = 4096;

/// "dmamem1\0" and its complement, so that no other text looks like it.
const MARK: u64 = 0x0031_6d65_6d61_6d64;
const COMPLEMENT_AT: usize = 8;
const PAGES_AT: usize = 16;
const TABLE_AT: usize = 64;

/// The pages for the state of the driver.
const STATE: usize = 8;
/// The number of words in it.
const WORDS: usize = STATE * PAGE / 4;

/// The number of pages that begin with the table.
fn table_pages(pages: usize) -> usize {
    (TABLE_AT + 8 * pages).div_ceil(PAGE)
}

/// Where devices with an IOMMU would find the memory.
const IOVA: u64 = 1 << 32;

/// Maps a memfd for devices and returns the physical address of each page.
fn addresses(iommufd: &OwnedFd, ioas: u32, memfd: &OwnedFd, pages: u32) -> Result<Vec<u64>> {
    let range = iommufd::Range {
        start: 0,
        len: u64::from(pages) * PAGE_BYTES,
        iova: IOVA,
    };

    iommufd::map_file(iommufd, ioas, memfd, &range)?;
    (0..u64::from(pages))
        .map(|page| iommufd::physical(iommufd, ioas, IOVA + page * PAGE_BYTES))
        .collect()
}

/// Makes a memfd of that many pages, and maps it for the devices of an address space.
pub(crate) fn prepare(iommufd: &OwnedFd, ioas: u32, memfd: &OwnedFd, pages: u32) -> Result<()> {
    let length = u64::from(pages) * PAGE_BYTES;
    File::from(memfd.try_clone()?).set_len(length)?;
    let addresses = addresses(iommufd, ioas, memfd, pages)?;
    let mut window = Window(Mapping::writable(memfd, 0, index(pages)? * PAGE)?);

    window.write_u64(0, MARK)?;
    window.write_u64(COMPLEMENT_AT, !MARK)?;
    window.write(PAGES_AT, pages)?;
    for (at, address) in (TABLE_AT..).step_by(8).zip(addresses) {
        window.write_u64(at, address)?;
    }
    Ok(())
}

/// Maps the memfd of the previous kernel. Fails unless each page has the address that it had there.
/// Returns the number of pages.
pub(crate) fn compare(iommufd: &OwnedFd, ioas: u32, memfd: &OwnedFd) -> Result<usize> {
    let memory = Memory::open(memfd)?;
    let pages = u32::try_from(memory.addresses.len()).map_err(|_| Errno::invalid("too long"))?;
    let found = addresses(iommufd, ioas, memfd, pages)?;

    for (page, (was, is)) in memory.addresses.iter().zip(&found).enumerate() {
        require(
            &format!("page {page} is at {was:#x}, found at {is:#x}"),
            was == is,
        )?;
    }
    Ok(found.len())
}

/// Pages that are contiguous for the device, in the order of their addresses.
pub(super) struct Area(Vec<usize>);

impl Area {
    /// Returns where a byte of the area is in the memory.
    pub(super) fn at(&self, byte: usize) -> Result<usize> {
        let page = self.0.get(byte / PAGE);
        let page = page.ok_or_else(|| Errno::invalid("outside of an area"))?;

        Ok(page * PAGE + byte % PAGE)
    }
}

/// Memory that was prepared, in this kernel or in an earlier one.
pub(super) struct Memory {
    pub(super) window: Window,
    addresses: Vec<u64>,
}

impl Memory {
    pub(super) fn open(memfd: &OwnedFd) -> Result<Self> {
        let head = Window(Mapping::new(memfd, 0, PAGE)?);
        let marked = head.read_u64(0)? == MARK && head.read_u64(COMPLEMENT_AT)? == !MARK;
        require("the memory was prepared", marked)?;
        let pages = index(head.read(PAGES_AT)?)?;
        let length = pages.saturating_mul(PAGE);
        let size = File::from(memfd.try_clone()?).metadata()?.len();
        require(
            "the memory has its size",
            u64::try_from(length).is_ok_and(|length| length == size),
        )?;

        let window = Window(Mapping::writable(memfd, 0, length)?);
        let table = (TABLE_AT..).step_by(8).take(pages);
        Ok(Self {
            addresses: table.map(|at| window.read_u64(at)).collect::<Result<_>>()?,
            window,
        })
    }

    /// Returns the address of a byte, for the device.
    pub(super) fn physical(&self, at: usize) -> Result<u64> {
        let address = self.addresses.get(at / PAGE);
        let address = address.ok_or_else(|| Errno::invalid("outside of the memory"))?;

        // CAST: less than a page.
        Ok(address + (at % PAGE) as u64)
    }

    fn word_at(&self, word: usize) -> Result<usize> {
        require("a word of the state", word < WORDS)?;
        Ok(table_pages(self.addresses.len()) * PAGE + 4 * word)
    }

    /// Reads a word of the driver's state.
    pub(super) fn word(&self, word: usize) -> Result<u32> {
        self.window.read(self.word_at(word)?)
    }

    /// Writes a word of the driver's state.
    pub(super) fn set_word(&mut self, word: usize, value: u32) -> Result<()> {
        let at = self.word_at(word)?;
        self.window.write(at, value)
    }

    /// Returns the area whose pages are listed in the state.
    pub(super) fn area(&self, first_word: usize, pages: usize) -> Result<Area> {
        let words = first_word..first_word + pages;
        let pages = words.map(|word| index(self.word(word)?));

        Ok(Area(pages.collect::<Result<_>>()?))
    }

    fn set_area(&mut self, first_word: usize, area: &Area) -> Result<()> {
        for (word, page) in (first_word..).zip(&area.0) {
            let page = u32::try_from(*page).map_err(|err| Errno::invalid(err.to_string()))?;
            self.set_word(word, page)?;
        }
        Ok(())
    }

    /// Writes bytes, a multiple of four.
    pub(super) fn store(&mut self, at: usize, data: &[u8]) -> Result<()> {
        for (at, bytes) in (at..).step_by(4).zip(data.chunks_exact(4)) {
            let word = bytes
                .iter()
                .rev()
                .fold(0, |word, &byte| word << 8 | u32::from(byte));
            self.window.write(at, word)?;
        }
        Ok(())
    }

    /// Fills a part of the memory with zeroes.
    pub(super) fn clear(&mut self, at: usize, len: usize) -> Result<()> {
        (at..at + len)
            .step_by(4)
            .try_for_each(|at| self.window.write(at, 0))
    }
}

/// The pages that are not used yet, in the order of their addresses.
pub(super) struct Free(Vec<(u64, usize)>);

impl Free {
    /// Returns all pages for rings and buffers. Only a driver that starts may use it.
    pub(super) fn all(memory: &Memory) -> Self {
        let used = table_pages(memory.addresses.len()) + STATE;
        let pages = memory.addresses.iter().copied().zip(0..).skip(used);
        let mut free: Vec<_> = pages.collect();

        free.sort_unstable();
        Self(free)
    }

    /// Takes contiguous pages, and lists them in the state from a word on.
    pub(super) fn take(
        &mut self,
        memory: &mut Memory,
        first_word: usize,
        pages: usize,
    ) -> Result<Area> {
        // The addresses differ, so the distance of two tells whether all between them are there.
        // CAST: a `usize` has 64 bits here.
        let distance = pages.saturating_sub(1) as u64 * PAGE_BYTES;
        let contiguous = |run: &[(u64, usize)]| match run {
            [first, .., last] => last.0 - first.0 == distance,
            _ => run.len() == 1,
        };
        let at = self
            .0
            .windows(pages)
            .position(contiguous)
            .ok_or_else(|| Errno {
                code: libc::ENOMEM,
                text: format!("agent: no {pages} pages are contiguous"),
            })?;
        let area = Area(self.0.drain(at..at + pages).map(|(_, page)| page).collect());

        memory.set_area(first_word, &area)?;
        for page in &area.0 {
            memory.clear(page * PAGE, PAGE)?;
        }
        Ok(area)
    }
}
