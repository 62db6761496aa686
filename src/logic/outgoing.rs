// SPDX-License-Identifier: GPL-2.0

//! What this kernel preserves for the next one.
//!
//! What the next kernel reads is kept true after every step. An entry that is given back goes to
//! the head of a list of free ones, so that taking one and giving one back cost the same however
//! many there are.

use super::{
    path,
    Function,
    Slot,
    Spot,
    Table, //
};
use crate::abi::{
    DevSer,
    Key, //
};
use core::{
    fmt,
    ops::DerefMut, //
};

/// What is known about an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// As the next kernel reads it.
    pub ser: DevSer,
    /// Whether a driver preserves this function itself, not only devices below it.
    pub own: bool,
    /// Whether the function is a bridge.
    pub bridge: bool,
    /// The next free entry, if this one is free.
    next: Option<Slot>,
    /// Where it is in a list of blocks, if it is in use.
    pub spot: Spot,
}

/// Why a device was not preserved. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is preserved already.
    Busy,
    /// Every entry is in use.
    Full,
    /// The count of this function cannot grow.
    Overflow(Key),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("already preserved"),
            Self::Full => f.write_str("no free entry for the next kernel"),
            Self::Overflow(key) => {
                write!(f, "{} devices at or below {key} are preserved", u16::MAX)
            }
        }
    }
}

/// The device is not preserved. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPreserved;

/// The preserved devices: what is known about them, and the table that the next kernel reads.
///
/// # Invariants
///
/// - The table says what `entries` say, and that `used` of them are in use.
/// - An entry is in use exactly if its count is not 0; one function, and no other, has its slot.
/// - Entries from `fresh` on have never been used. The others that are free are on the list that
///   begins with `free`.
/// - The count of a function is the number of functions at or below it whose entry is `own`.
pub struct Outgoing<T, E> {
    table: T,
    entries: E,
    free: Option<Slot>,
    fresh: u32,
    used: u32,
    own: usize,
}

impl<T, E> Outgoing<T, E>
where
    T: Table,
    E: DerefMut<Target = [Entry]>,
{
    /// Starts with no devices. `table` has room for as many as there are `entries`.
    pub fn new(table: T, mut entries: E) -> Self {
        entries.fill(Entry::default());

        // INVARIANT: no entry is in use, or ever was.
        Self {
            table,
            entries,
            free: None,
            fresh: 0,
            used: 0,
            own: 0,
        }
    }

    /// Counts the device once on each function of its path: all of them, or none.
    pub fn preserve<F: Function>(&mut self, dev: F) -> Result<(), Refused> {
        if self.is_own(dev) {
            return Err(Refused::Busy);
        }
        let mut next = Some(dev);
        while let Some(function) = next {
            let counted = match function.outgoing() {
                Some(slot) => self.get(slot),
                None => self.add(function),
            };
            if !counted {
                self.put_below(dev, function);
                return Err(match function.outgoing() {
                    Some(_) => Refused::Overflow(function.key()),
                    None => Refused::Full,
                });
            }
            next = function.upstream();
        }

        // INVARIANT: one more `own` entry, and one more on each function above and on itself.
        self.set_own(dev, true);
        self.own += 1;
        Ok(())
    }

    /// Gives back what [`preserve`](Self::preserve) took for the device.
    pub fn unpreserve<F: Function>(&mut self, dev: F) -> Result<(), NotPreserved> {
        if !self.is_own(dev) {
            return Err(NotPreserved);
        }

        // INVARIANT: one `own` entry less, and one less on each function above and on itself.
        self.set_own(dev, false);
        self.own = self.own.saturating_sub(1);
        path(dev).for_each(|function| self.put(function));
        Ok(())
    }

    /// Whether a driver preserves this very function.
    pub fn is_own<F: Function>(&self, dev: F) -> bool {
        dev.outgoing()
            .and_then(|slot| self.entries.get(slot.index()))
            .is_some_and(|entry| entry.own)
    }

    /// How many devices drivers preserve. The bridges above them do not count.
    pub fn nr_own(&self) -> usize {
        self.own
    }

    /// How many entries are in use.
    pub fn nr_used(&self) -> u32 {
        self.used
    }

    /// The entries in use, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.ser.is_used())
    }

    /// Whether entry `nr` is that of the function.
    pub fn holds(&self, nr: u32, key: Key) -> bool {
        let slot = Slot::of(nr);
        let entry = slot.and_then(|slot| self.entries.get(slot.index()));

        entry.is_some_and(|entry| entry.ser.is_used() && entry.ser.key() == key)
    }

    /// What the next kernel reads.
    pub fn table(&self) -> &T {
        &self.table
    }

    /// How many entries there are, in use or not.
    pub fn capacity(&self) -> usize {
        self.entries.len()
    }

    /// Has the next kernel read something else, with room for as many entries.
    pub fn change_table(&mut self, change: impl FnOnce(&mut T)) {
        change(&mut self.table);

        // INVARIANT: all entries that were ever used are written, and those behind are zero.
        for (nr, entry) in (0..self.fresh).zip(self.entries.iter()) {
            self.table.set(nr, entry.ser);
        }
        self.table.set_number(self.used);
    }

    fn set_own<F: Function>(&mut self, dev: F, own: bool) {
        let slot = dev.outgoing();

        if let Some(entry) = slot.and_then(|slot| self.entries.get_mut(slot.index())) {
            entry.own = own;
        }
    }

    /// Counts a function that has an entry once more, if it can.
    #[inline]
    fn get(&mut self, slot: Slot) -> bool {
        let Some(entry) = self.entries.get_mut(slot.index()) else {
            return false;
        };
        let Some(more) = entry.ser.refcount.checked_add(1) else {
            return false;
        };

        entry.ser.refcount = more;
        self.table.set_count(slot.nr(), entry.spot, more);
        true
    }

    /// Counts a function once less, and gives its entry back with the last count.
    #[inline]
    fn put<F: Function>(&mut self, function: F) {
        let Some(slot) = function.outgoing() else {
            return;
        };
        let Some(entry) = self.entries.get_mut(slot.index()) else {
            return;
        };

        entry.ser.refcount = entry.ser.refcount.saturating_sub(1);
        if entry.ser.refcount != 0 {
            let (spot, count) = (entry.spot, entry.ser.refcount);
            self.table.set_count(slot.nr(), spot, count);
            return;
        }

        // INVARIANT: one entry less is in use, and nobody has its slot; it is on the list.
        *entry = Entry {
            next: self.free,
            ..Entry::default()
        };
        self.free = Some(slot);
        function.set_outgoing(None);
        self.table.set(slot.nr(), DevSer::default());
        self.set_used(self.used.saturating_sub(1));
    }

    /// Gives back the counts of the path below `end`, the last of them first.
    ///
    /// A path is a few functions long and this is for failures only, so walking it from its start
    /// each time is cheaper than memory to remember it in.
    #[cold]
    fn put_below<F: Function>(&mut self, dev: F, end: F) {
        let taken = path(dev).take_while(|function| !function.same(end)).count();

        (0..taken)
            .rev()
            .filter_map(|nth| path(dev).nth(nth))
            .for_each(|function| self.put(function));
    }

    /// Gives a function that has no entry a free one, if there is any.
    ///
    /// Cold, for the bridges: each needs an entry once, and is counted again for each device.
    #[cold]
    fn add<F: Function>(&mut self, function: F) -> bool {
        let Some(slot) = self.free.or(Slot::of(self.fresh)) else {
            return false;
        };
        let Some(entry) = self.entries.get_mut(slot.index()) else {
            return false;
        };

        // INVARIANT: the entry was free; it is off the list, or not fresh any more.
        match self.free {
            Some(_) => self.free = entry.next,
            None => self.fresh += 1,
        }
        let key = function.key();
        *entry = Entry {
            ser: DevSer {
                domain: key.domain(),
                bdf: key.bdf(),
                refcount: 1,
            },
            own: false,
            bridge: function.is_bridge(),
            next: None,
            spot: Spot::of(slot.nr()),
        };
        self.table.set(slot.nr(), entry.ser);
        function.set_outgoing(Some(slot));
        self.set_used(self.used + 1);
        true
    }

    fn set_used(&mut self, used: u32) {
        self.used = used;
        self.table.set_number(used);
    }
}
