// SPDX-License-Identifier: GPL-2.0

//! A table that records all writes to it.

use crate::{
    abi::{
        Corrupt,
        DevSer, //
    },
    folio::Folio,
    logic::{
        Array,
        Entry,
        Outgoing,
        Table, //
    },
};

/// One use of a [`Table`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// An entry was written.
    Entry(u32, DevSer),
    /// The number of entries in use was written.
    Number(u32),
}

/// The table that the kernel uses, and the writes to it.
pub struct Recorder {
    array: Array<Folio>,
    writes: Vec<Write>,
}

impl Recorder {
    /// A table with no entry in use, in all of `folio`.
    pub fn new(folio: Folio) -> Self {
        Self {
            array: Array::new(folio),
            writes: Vec::new(),
        }
    }

    /// The memory.
    pub fn memory(&self) -> &Folio {
        self.array.memory()
    }

    /// All writes, the oldest first.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }
}

impl Table for Recorder {
    fn capacity(&self) -> u32 {
        self.array.capacity()
    }

    fn set(&mut self, nr: u32, entry: DevSer) {
        self.writes.push(Write::Entry(nr, entry));
        self.array.set(nr, entry);
    }

    fn set_number(&mut self, nr: u32) {
        self.writes.push(Write::Number(nr));
        self.array.set_number(nr);
    }

    fn check(&self) -> Result<(), Corrupt> {
        self.array.check()
    }
}

/// The outgoing side as most tests build it.
pub type Core = Outgoing<Recorder, Vec<Entry>>;

/// An outgoing side without devices, in all of `folio`.
pub fn outgoing(folio: Folio) -> Core {
    let table = Recorder::new(folio);
    let entries = vec![Entry::default(); table.memory().devices.len()];

    Outgoing::new(table, entries)
}
