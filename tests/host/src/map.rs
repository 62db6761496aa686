// SPDX-License-Identifier: GPL-2.0

//! An index over a hash map, which counts its uses and can be made to fail.

use crate::{
    abi::Key,
    logic::{
        Arrival,
        Arrivals,
        Index, //
    }, //
};
use std::{
    cell::Cell,
    collections::HashMap,
    rc::Rc, //
};

/// The index could not get memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

/// A map from addresses to numbers.
#[derive(Debug, Default)]
pub struct Map {
    numbers: HashMap<Key, u32>,
    room: Option<usize>,
    calls: Rc<Cell<usize>>,
}

impl Map {
    /// An empty map that takes no more than `room` insertions.
    pub fn with_room(room: usize) -> Self {
        Self {
            room: Some(room),
            ..Self::default()
        }
    }

    /// An empty map that adds each of its uses to `calls`.
    pub fn counted(calls: &Rc<Cell<usize>>) -> Self {
        Self {
            calls: calls.clone(),
            ..Self::default()
        }
    }

    fn count_call(&self) {
        self.calls.set(self.calls.get() + 1);
    }
}

impl Index for Map {
    type Error = NoMemory;

    fn get(&self, key: Key) -> Option<u32> {
        self.count_call();
        self.numbers.get(&key).copied()
    }

    fn insert(&mut self, key: Key, nr: u32) -> Result<Option<u32>, NoMemory> {
        self.count_call();
        if let Some(room) = &mut self.room {
            *room = room.checked_sub(1).ok_or(NoMemory)?;
        }
        Ok(self.numbers.insert(key, nr))
    }
}

impl Arrivals for Vec<Arrival> {
    type Error = NoMemory;

    fn push(&mut self, arrival: Arrival) -> Result<(), NoMemory> {
        self.push(arrival);
        Ok(())
    }
}
