// SPDX-License-Identifier: GPL-2.0

//! What the previous kernel preserved for this one.

use super::{
    path,
    recognize,
    Function,
    Index,
    OtherDevice,
    Range,
    Slot, //
};
use crate::abi::{
    identity::{
        check,
        Damaged,
        Identity,
        Record, //
    },
    DevSer,
    Key, //
};
use core::ops::DerefMut;

/// What is known about an entry that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The function.
    pub key: Key,
    /// The number of the entry in what was handed over.
    pub nr: u32,
    /// How many preserved devices there are at or below the function that nobody finished.
    pub refcount: u16,
    /// Whether the function has been enumerated.
    pub found: bool,
    /// Whether the function turned out to be a bridge.
    pub bridge: bool,
    /// What it is, if the previous kernel said so.
    pub expected: Option<Identity>,
    /// What the device is that was there when it was enumerated, if that was compared.
    pub seen: Option<Identity>,
}

impl Arrival {
    /// What the previous kernel says in entry `nr`.
    pub fn new(nr: u32, ser: &DevSer) -> Self {
        Self {
            key: ser.key(),
            nr,
            refcount: ser.refcount,
            found: false,
            bridge: false,
            expected: None,
            seen: None,
        }
    }

    /// Whether nobody has finished it.
    pub fn is_unfinished(&self) -> bool {
        self.refcount != 0
    }

    /// Whether it is an unfinished device on one of the buses `behind` a bridge.
    fn is_behind(&self, bridge: Key, behind: Range) -> bool {
        let [bus, _] = self.key.bdf().to_be_bytes();
        let buses = behind.first..=behind.last;

        let same = self.key.domain() == bridge.domain() && self.key != bridge;
        same && !self.bridge && self.is_unfinished() && buses.contains(&bus)
    }
}

/// The entries that were handed over, which can become more.
pub trait Arrivals: DerefMut<Target = [Arrival]> {
    /// Why there cannot be more.
    type Error;

    /// Adds an entry behind all others.
    fn push(&mut self, arrival: Arrival) -> Result<(), Self::Error>;
}

/// Why a handover could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexError<E> {
    /// Two entries name the same function.
    Repeated {
        /// The function.
        key: Key,
        /// The number of the first entry that names it.
        first: u32,
        /// The number of the second entry that names it.
        again: u32,
    },
    /// The index could not take an entry.
    Full(E),
}

/// The device is not incoming. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotIncoming;

/// The devices that the previous kernel handed over.
///
/// # Invariants
///
/// `index` has the place of each of `entries` by its key, and no other key. `left` of them are
/// unfinished.
pub struct Incoming<E, I> {
    entries: E,
    index: I,
    left: usize,
    counts_bridges: bool,
}

impl<E, I> Incoming<E, I>
where
    E: DerefMut<Target = [Arrival]>,
    I: Index,
{
    /// Indexes what was handed over. `index` is empty; each of `entries` is unfinished.
    pub fn new(entries: E, mut index: I) -> Result<Self, IndexError<I::Error>> {
        for (place, arrival) in (0u32..).zip(entries.iter()) {
            let key = arrival.key;
            if let Some(first) = index.insert(key, place).map_err(IndexError::Full)? {
                // CAST: the core is for 64-bit kernels, where nothing is lost.
                let first = entries.get(first as usize).map_or(0, |entry| entry.nr);
                let again = arrival.nr;
                return Err(IndexError::Repeated { key, first, again });
            }
        }

        // INVARIANT: `index` was empty, and every entry was put into it.
        let left = entries.len();
        Ok(Self {
            entries,
            index,
            left,
            counts_bridges: true,
        })
    }

    /// The same, of a kernel that did not count bridges.
    pub fn without_bridges(self) -> Self {
        Self {
            counts_bridges: false,
            ..self
        }
    }

    /// Whether the previous kernel counted bridges.
    pub fn counts_bridges(&self) -> bool {
        self.counts_bridges
    }

    /// What is left of the count of a function, if it has an entry.
    pub fn count(&self, key: Key) -> Option<u16> {
        let slot = self.index.get(key).and_then(Slot::of)?;

        Some(self.entries.get(slot.index())?.refcount)
    }

    /// Looks up a function that is being enumerated: if it is incoming, it gets its slot.
    pub fn arrive<F: Function>(&mut self, function: F) -> bool {
        let slot = self.index.get(function.key()).and_then(Slot::of);
        let entry = slot.and_then(|slot| self.entries.get_mut(slot.index()));
        let Some(entry) = entry.filter(|entry| entry.is_unfinished()) else {
            function.set_incoming(None);
            return false;
        };

        entry.found = true;
        entry.bridge = function.is_bridge();
        function.set_incoming(slot);
        true
    }

    /// Takes what the previous kernel says in its record: all of it, or nothing if it is damaged.
    pub fn take_record(&mut self, record: &Record) -> Result<(), Damaged> {
        let sound = check(record)
            .and_then(|mut used| used.try_for_each(|(nr, identity)| self.identify(nr, identity)));

        sound.inspect_err(|_| self.forget_identities())
    }

    /// Takes what the previous kernel says in entry `nr` of its record.
    pub fn identify(&mut self, nr: usize, expected: &Identity) -> Result<(), Damaged> {
        let key = expected.key();
        let slot = self.index.get(key).and_then(Slot::of);
        let Some(entry) = slot.and_then(|slot| self.entries.get_mut(slot.index())) else {
            return Err(Damaged::Unlisted { nr, key });
        };

        match entry.expected.replace(*expected) {
            Some(_) => Err(Damaged::Repeated { nr, key }),
            None => Ok(()),
        }
    }

    /// Forgets what a damaged record says.
    pub fn forget_identities(&mut self) {
        self.entries
            .iter_mut()
            .for_each(|entry| entry.expected = None);
    }

    /// Compares a function that has arrived with what was preserved.
    ///
    /// Another device is not incoming, and its entry goes on waiting. Otherwise returns what is
    /// expected, if that is known.
    pub fn recognize<F: Function>(
        &mut self,
        function: F,
        found: &Identity,
    ) -> Result<Option<Identity>, OtherDevice> {
        let slot = function.incoming();
        let entry = slot.and_then(|slot| self.entries.get_mut(slot.index()));
        let Some(entry) = entry else {
            return Ok(None);
        };
        let Some(expected) = entry.expected else {
            return Ok(None);
        };

        entry.seen = Some(*found);
        recognize(&expected, found).inspect_err(|_| self.depart(function))?;
        Ok(Some(expected))
    }

    /// What is expected of an incoming function, and what was seen of it.
    pub fn seen<F: Function>(&mut self, function: F) -> Option<(&Identity, &mut Identity)> {
        let entry = self.entries.get_mut(function.incoming()?.index())?;

        Some((entry.expected.as_ref()?, entry.seen.as_mut()?))
    }

    /// Takes the slot of a function that goes away. Its entry waits for it to come back.
    pub fn depart<F: Function>(&mut self, function: F) {
        let slot = function.incoming();

        if let Some(entry) = slot.and_then(|slot| self.entries.get_mut(slot.index())) {
            entry.found = false;
        }
        function.set_incoming(None);
    }

    /// Gives back one count of the device and of each bridge above it.
    ///
    /// Returns how many of the bridges had none to give: the previous kernel forgot them.
    pub fn finish<F: Function>(&mut self, dev: F) -> Result<usize, NotIncoming> {
        if dev.incoming().is_none() {
            return Err(NotIncoming);
        }
        Ok(path(dev).filter(|function| !self.put(*function)).count())
    }

    /// Whether anything is still to be finished.
    pub fn is_finished(&self) -> bool {
        self.left == 0
    }

    /// What was handed over, with what is left of each count.
    pub fn iter(&self) -> impl Iterator<Item = &Arrival> {
        self.entries.iter()
    }

    /// Gives back one count of a function, if it has any, and its slot with the last one.
    #[inline]
    fn put<F: Function>(&mut self, function: F) -> bool {
        let slot = function.incoming();
        let Some(entry) = slot.and_then(|slot| self.entries.get_mut(slot.index())) else {
            return false;
        };
        let Some(less) = entry.refcount.checked_sub(1) else {
            return false;
        };

        entry.refcount = less;
        if less == 0 {
            // INVARIANT: one unfinished entry less.
            self.left = self.left.saturating_sub(1);
            function.set_incoming(None);
        }
        true
    }
}

impl<E, I> Incoming<E, I>
where
    E: Arrivals,
    I: Index,
{
    /// Counts a bridge that is being enumerated once for each unfinished device on the buses
    /// `behind` it, as a previous kernel would have done that counts bridges.
    ///
    /// To be called before the bridge arrives.
    pub fn count_bridge<F: Function>(&mut self, bridge: F, behind: Range) -> Result<(), E::Error>
    where
        E::Error: From<I::Error>,
    {
        let key = bridge.key();
        let below = self
            .entries
            .iter()
            .filter(|entry| entry.is_behind(key, behind));
        let refcount = u16::try_from(below.count()).unwrap_or(u16::MAX);

        if refcount == 0 || self.index.get(key).is_some() {
            return Ok(());
        }
        let place = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let arrival = Arrival {
            key,
            nr: place,
            refcount,
            found: false,
            bridge: true,
            expected: None,
            seen: None,
        };
        self.entries.push(arrival)?;
        if let Err(error) = self.index.insert(key, place) {
            self.forget(place);
            return Err(error.into());
        }

        // INVARIANT: one more entry, which is unfinished, and is in `index`.
        self.left += 1;
        Ok(())
    }

    /// Has an entry that could not be indexed count as finished.
    #[cold]
    fn forget(&mut self, place: u32) {
        let slot = Slot::of(place);

        if let Some(entry) = slot.and_then(|slot| self.entries.get_mut(slot.index())) {
            (entry.refcount, entry.found) = (0, true);
        }
    }
}
