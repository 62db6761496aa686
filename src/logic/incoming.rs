// SPDX-License-Identifier: GPL-2.0

//! What the previous kernel preserved for this one.

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
use core::ops::DerefMut;

/// What is known about a handed over entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its number in the array.
    pub nr: u32,
    /// Whether the function has been enumerated.
    pub found: bool,
    /// Whether the function turned out to be a bridge.
    pub bridge: bool,
}

/// Why a handover could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError<E> {
    /// The bytes contradict themselves.
    Corrupt(Corrupt),
    /// The index could not take an entry.
    Index(E),
}

/// The device is not incoming. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotIncoming;

/// The devices that the previous kernel handed over.
///
/// # Invariants
///
/// `index` holds each function that an entry was used for when the handover was decoded, with the
/// number of that entry, which lies within `ser.devices`, and nothing else. `left` of those entries
/// are still used.
pub struct Incoming<S, I> {
    ser: S,
    index: I,
    left: usize,
}

impl<S, I> Incoming<S, I>
where
    S: DerefMut<Target = Ser>,
    I: Index<Slot = Arrival>,
{
    /// Makes sense of `ser`, once. `index` is empty.
    pub fn decode(ser: S, mut index: I) -> Result<Self, DecodeError<I::Error>> {
        let devices = check(&ser).map_err(DecodeError::Corrupt)?;

        let mut left = 0;
        for (nr, dev) in (0u32..).zip(devices).filter(|(_, dev)| dev.is_used()) {
            let key = dev.key();
            if let Some(first) = index.get(key) {
                return Err(DecodeError::Corrupt(Corrupt::Repeated {
                    key,
                    first: at(first.nr),
                    again: at(nr),
                }));
            }
            let arrival = Arrival {
                nr,
                found: false,
                bridge: false,
            };
            index.insert(key, arrival).map_err(DecodeError::Index)?;
            left += 1;
        }

        // INVARIANT: `index` was empty, and every used entry of `ser` was put into it.
        Ok(Self { ser, index, left })
    }

    /// Whether `key` is still to be finished.
    pub fn contains(&self, key: Key) -> bool {
        self.count(key) != 0
    }

    /// How many preserved devices there are at or below `key` that nobody finished.
    pub fn count(&self, key: Key) -> u16 {
        self.index
            .get(key)
            .and_then(|arrival| self.ser.devices.get(at(arrival.nr)))
            .map_or(0, |dev| dev.refcount)
    }

    /// Notes that `function` was enumerated, and tells whether it is incoming.
    pub fn arrive(&mut self, Function { key, bridge }: Function) -> bool {
        if !self.contains(key) {
            return false;
        }
        self.index.update(key, |arrival| {
            arrival.found = true;
            arrival.bridge = bridge;
        });
        true
    }

    /// Notes that the function `key` is gone. Its entry waits for it to come back.
    pub fn depart(&mut self, key: Key) {
        self.index.update(key, |arrival| arrival.found = false);
    }

    /// Gives back one count of the device and of each bridge above it.
    ///
    /// Returns how many of the bridges had none to give: the previous kernel forgot them.
    pub fn finish<A>(&mut self, path: &Path<A>) -> Result<usize, NotIncoming>
    where
        A: Iterator<Item = Function> + Clone,
    {
        if !self.contains(path.device.key) {
            return Err(NotIncoming);
        }
        Ok(path.iter().filter(|f| !self.give(f.key)).count())
    }

    /// Whether anything is still to be finished.
    pub fn is_finished(&self) -> bool {
        self.left == 0
    }

    /// What was handed over, with what is left of each count.
    pub fn iter(&self) -> impl Iterator<Item = (DevSer, Arrival)> + '_ {
        (0u32..)
            .zip(&self.ser.devices)
            .filter_map(|(nr, dev)| Some((*dev, self.index.get(dev.key())?, nr)))
            .filter(|(_, arrival, nr)| arrival.nr == *nr)
            .map(|(dev, arrival, _)| (dev, arrival))
    }

    /// Gives back one count of `key`, if it has any.
    fn give(&mut self, key: Key) -> bool {
        let Some(arrival) = self.index.get(key) else {
            return false;
        };
        let Some(dev) = self.ser.devices.get_mut(at(arrival.nr)) else {
            return false;
        };
        let Some(less) = dev.refcount.checked_sub(1) else {
            return false;
        };

        dev.refcount = less;
        if less == 0 {
            self.left = self.left.saturating_sub(1);
        }
        true
    }
}
