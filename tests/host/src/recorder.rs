// SPDX-License-Identifier: GPL-2.0

//! Tables that record all writes to them.

use crate::{
    abi::{
        blocks::ENTRIES,
        DevSer, //
    },
    folio::Folio,
    logic::{
        Array,
        Bad,
        Blocks,
        Entry,
        Outgoing,
        Spot,
        Table,
        Tables, //
    },
    page::{
        self,
        HeadPage,
        Page, //
    }, //
};

/// One use of a [`Table`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// An entry was written.
    Entry(u32, DevSer),
    /// The count of an entry was written.
    Count(u32, u16),
    /// The number of entries in use was written.
    Number(u32),
}

/// The list of blocks as the tests have it in memory.
pub type List = Blocks<HeadPage, Vec<Page>>;

/// The tables that the kernel uses, both formats, and the writes to them.
pub struct Recorder {
    tables: Tables<Folio, HeadPage, Vec<Page>>,
    writes: Vec<Write>,
}

impl Recorder {
    /// Tables with no entry in use, the array in all of `folio`.
    pub fn new(folio: Folio) -> Self {
        let list = list(folio.devices.len());

        Self {
            tables: Tables {
                array: Some(Array::new(folio)),
                blocks: Some(list),
            },
            writes: Vec::new(),
        }
    }

    /// The memory of the array.
    ///
    /// # Panics
    ///
    /// If there is no array.
    pub fn memory(&self) -> &Folio {
        self.tables.array.as_ref().expect("an array").memory()
    }

    /// The list of blocks.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn list(&self) -> &List {
        self.tables.blocks.as_ref().expect("a list")
    }

    /// Both tables.
    pub fn tables(&mut self) -> &mut Tables<Folio, HeadPage, Vec<Page>> {
        &mut self.tables
    }

    /// All writes, the oldest first.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// Checks both tables as the next kernel will.
    pub fn check(&self) -> Result<(), Bad> {
        self.tables.check()
    }
}

impl Table for Recorder {
    fn set(&mut self, nr: u32, entry: DevSer) {
        self.writes.push(Write::Entry(nr, entry));
        self.tables.set(nr, entry);
    }

    fn set_count(&mut self, nr: u32, spot: Spot, count: u16) {
        self.writes.push(Write::Count(nr, count));
        self.tables.set_count(nr, spot, count);
    }

    fn set_number(&mut self, nr: u32) {
        self.writes.push(Write::Number(nr));
        self.tables.set_number(nr);
    }
}

/// A list with room for that many entries, in pages that held something else.
pub fn list(entries: usize) -> List {
    let pages = (0..entries.div_ceil(ENTRIES)).map(|nr| page::used(0x10_0000 + 0x3000 * nr as u64));

    List::new(page::head(), pages.collect())
}

/// The outgoing side as most tests build it.
pub type Core = Outgoing<Recorder, Vec<Entry>>;

/// An outgoing side without devices, with the array in all of `folio`.
pub fn outgoing(folio: Folio) -> Core {
    let table = Recorder::new(folio);
    let entries = vec![Entry::default(); table.memory().devices.len()];

    Outgoing::new(table, entries)
}
