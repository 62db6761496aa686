// SPDX-License-Identifier: GPL-2.0

//! What this kernel preserves for the next one.
//!
//! The array is what the next kernel reads, so it is kept true after every step: the used entries
//! are always its first `nr_devices` ones. An entry that is given back is filled with the last one,
//! which costs the same however many there are and leaves nothing behind that somebody could read.

use super::{
    at,
    Function,
    Index,
    Path, //
};
use crate::abi::{
    check,
    Corrupt,
    DevSer,
    Key,
    Ser, //
};
use core::{
    fmt,
    mem,
    ops::DerefMut, //
};

/// What is known about a used entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number in the array.
    pub nr: u32,
    /// Whether a driver preserves this function itself, not only devices below it.
    pub own: bool,
    /// Whether the function is a bridge.
    pub bridge: bool,
}

/// Why a device was not preserved. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused<E> {
    /// It is preserved already.
    Busy,
    /// Every entry is in use.
    Full,
    /// The count of this function cannot grow.
    Overflow(Key),
    /// The index could not take the entry.
    Index(E),
}

impl<E> fmt::Display for Refused<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("it is preserved already"),
            Self::Full => f.write_str("the array for the next kernel is full"),
            Self::Overflow(key) => write!(f, "{key} is on the path of {} others", u16::MAX),
            Self::Index(_) => f.write_str("there is no memory to remember it in"),
        }
    }
}

/// The device is not preserved. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPreserved;

/// The preserved devices, in memory that the next kernel will read.
///
/// # Invariants
///
/// - Exactly the first `ser.nr_devices` entries are used, each for another function.
/// - `index` holds each of those functions, with the number of its entry, and nothing else.
/// - The count of a function is the number of functions at or below it whose place is `own`.
pub struct Outgoing<S, I> {
    ser: S,
    index: I,
    own: usize,
}

impl<S, I> Outgoing<S, I>
where
    S: DerefMut<Target = Ser>,
    I: Index<Slot = Place>,
{
    /// Begins with no devices, in all of `ser`. `index` is empty.
    pub fn new(mut ser: S, index: I) -> Self {
        // INVARIANT: no entry is used, and `index` is empty.
        ser.devices.fill(DevSer::default());
        ser.nr_devices = 0;
        ser.max_nr_devices = u32::try_from(ser.devices.len()).unwrap_or(u32::MAX);

        Self { ser, index, own: 0 }
    }

    /// Counts the device once on each function of its path: all of them, or none.
    pub fn preserve<A>(&mut self, path: &Path<A>) -> Result<(), Refused<I::Error>>
    where
        A: Iterator<Item = Function> + Clone,
    {
        let device = path.device.key;
        if self.is_own(device) {
            return Err(Refused::Busy);
        }

        for (taken, function) in path.iter().enumerate() {
            if let Err(refused) = self.take(function) {
                path.back_from(taken).for_each(|f| self.give(f.key));
                return Err(refused);
            }
        }

        // INVARIANT: one more `own` place, and one more on each function above and on itself.
        self.index.update(device, |place| place.own = true);
        self.own += 1;
        Ok(())
    }

    /// Gives back what [`preserve`](Self::preserve) took for the device.
    pub fn unpreserve<A>(&mut self, path: &Path<A>) -> Result<(), NotPreserved>
    where
        A: Iterator<Item = Function> + Clone,
    {
        let device = path.device.key;
        if !self.is_own(device) {
            return Err(NotPreserved);
        }

        // INVARIANT: one `own` place less, and one less on each function above and on itself.
        self.index.update(device, |place| place.own = false);
        self.own = self.own.saturating_sub(1);
        path.back_from(path.iter().count())
            .for_each(|f| self.give(f.key));
        Ok(())
    }

    /// Whether the next kernel will hear of this function.
    pub fn contains(&self, key: Key) -> bool {
        self.index.get(key).is_some()
    }

    /// Whether a driver preserves this very function.
    pub fn is_own(&self, key: Key) -> bool {
        self.index.get(key).is_some_and(|place| place.own)
    }

    /// How many devices drivers preserve. The bridges above them do not count.
    pub fn nr_own(&self) -> usize {
        self.own
    }

    /// The used entries, in no particular order, with what is known about each.
    pub fn iter(&self) -> impl Iterator<Item = (DevSer, Place)> + '_ {
        self.ser
            .devices
            .iter()
            .take(at(self.ser.nr_devices))
            .filter_map(|dev| Some((*dev, self.index.get(dev.key())?)))
    }

    /// The memory of the block, as the next kernel would read it.
    pub fn ser(&self) -> &S {
        &self.ser
    }

    /// Looks at the block with the eyes of the next kernel.
    pub fn check(&self) -> Result<(), Corrupt> {
        check(&self.ser).map(|_| ())
    }

    /// Ends it, and returns the memory.
    pub fn into_ser(self) -> S {
        self.ser
    }

    /// Counts a function once more.
    fn take(&mut self, function: Function) -> Result<(), Refused<I::Error>> {
        let key = function.key;
        let Some(place) = self.index.get(key) else {
            return self.add(function);
        };
        let Some(dev) = self.ser.devices.get_mut(at(place.nr)) else {
            return Err(Refused::Full);
        };

        dev.refcount = dev.refcount.checked_add(1).ok_or(Refused::Overflow(key))?;
        Ok(())
    }

    /// Gives a function that has no entry the first free one.
    fn add(&mut self, Function { key, bridge }: Function) -> Result<(), Refused<I::Error>> {
        let nr = self.ser.nr_devices;
        let free = self.ser.devices.get_mut(at(nr)).ok_or(Refused::Full)?;
        let next = nr.checked_add(1).ok_or(Refused::Full)?;

        let own = false;
        self.index
            .insert(key, Place { nr, own, bridge })
            .map_err(Refused::Index)?;

        // INVARIANT: entry `nr`, the first free one, is now used, for a function that had none.
        *free = DevSer {
            domain: key.domain(),
            bdf: key.bdf(),
            refcount: 1,
        };
        self.ser.nr_devices = next;
        Ok(())
    }

    /// Counts a function once less, and gives its entry back with the last count.
    fn give(&mut self, key: Key) {
        let Some(place) = self.index.get(key) else {
            return;
        };
        let Some(dev) = self.ser.devices.get_mut(at(place.nr)) else {
            return;
        };

        dev.refcount = dev.refcount.saturating_sub(1);
        if dev.refcount == 0 {
            self.free(key, place.nr);
        }
    }

    /// Gives entry `nr` of function `key` back. The last used entry moves into its place.
    fn free(&mut self, key: Key, nr: u32) {
        let last = self.ser.nr_devices.saturating_sub(1);
        let moved = match self.ser.devices.get_mut(at(last)) {
            Some(dev) => mem::take(dev),
            None => return,
        };

        // INVARIANT: one entry less is used, the last; whoever had it has entry `nr` now.
        if last != nr {
            if let Some(dev) = self.ser.devices.get_mut(at(nr)) {
                *dev = moved;
            }
            self.index.update(moved.key(), |place| place.nr = nr);
        }
        self.ser.nr_devices = last;
        self.index.remove(key);
    }
}
