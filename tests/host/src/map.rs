// SPDX-License-Identifier: GPL-2.0

//! An index over a hash map, which can be watched and made to fail.

use crate::{
    abi::Key,
    logic::Index, //
};
use std::{
    cell::{
        Cell,
        RefCell, //
    },
    collections::HashMap,
    rc::Rc, //
};

/// The index could not get memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

/// What a test sees of a [`Map`] that is inside of something else, and has to say about it.
#[derive(Clone, Debug, Default)]
pub struct Probe(Rc<State>);

#[derive(Debug, Default)]
struct State {
    fuse: Cell<Option<usize>>,
    calls: Cell<usize>,
    len: Cell<usize>,
    removed: RefCell<Vec<Key>>,
}

impl Probe {
    /// Lets `n` more functions in, and then no other. `None` lifts the limit.
    pub fn set_fuse(&self, n: Option<usize>) {
        self.0.fuse.set(n);
    }

    /// How many functions the map holds.
    pub fn len(&self) -> usize {
        self.0.len.get()
    }

    /// Whether the map holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How often the map was used at all.
    pub fn calls(&self) -> usize {
        self.0.calls.get()
    }

    /// The functions that were removed, in that order.
    pub fn removed(&self) -> Vec<Key> {
        self.0.removed.borrow().clone()
    }

    fn count_call(&self) {
        self.0.calls.set(self.0.calls.get() + 1);
    }
}

/// A map from functions to `T`.
#[derive(Debug)]
pub struct Map<T> {
    slots: HashMap<Key, T>,
    probe: Probe,
}

impl<T> Map<T> {
    /// An empty map under the eyes of `probe`.
    pub fn new(probe: &Probe) -> Self {
        Self {
            slots: HashMap::new(),
            probe: probe.clone(),
        }
    }
}

impl<T> Default for Map<T> {
    fn default() -> Self {
        Self::new(&Probe::default())
    }
}

impl<T: Copy> Index for Map<T> {
    type Slot = T;
    type Error = NoMemory;

    fn get(&self, key: Key) -> Option<T> {
        self.probe.count_call();
        self.slots.get(&key).copied()
    }

    fn insert(&mut self, key: Key, slot: T) -> Result<(), NoMemory> {
        let state = &self.probe.0;

        self.probe.count_call();
        if let Some(left) = state.fuse.get() {
            state.fuse.set(Some(left.checked_sub(1).ok_or(NoMemory)?));
        }
        let before = self.slots.insert(key, slot);
        assert!(before.is_none(), "{key} was in the index already");
        state.len.set(self.slots.len());
        Ok(())
    }

    fn update(&mut self, key: Key, change: impl FnOnce(&mut T)) {
        self.probe.count_call();
        if let Some(slot) = self.slots.get_mut(&key) {
            change(slot);
        }
    }

    fn remove(&mut self, key: Key) {
        self.probe.count_call();
        self.slots.remove(&key);
        self.probe.0.removed.borrow_mut().push(key);
        self.probe.0.len.set(self.slots.len());
    }
}
