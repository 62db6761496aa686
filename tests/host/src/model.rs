// SPDX-License-Identifier: GPL-2.0

//! The reference model of counting.
//!
//! It stores no count. The preserved devices are a set, and every count is found by walking the
//! path of each member. That is too slow for a kernel, but easy to verify by reading.

use crate::{
    logic::{
        Function,
        NotPreserved,
        Refused, //
    },
    tree::Tree, //
};
use std::collections::{
    BTreeMap,
    BTreeSet, //
};

/// The preserved devices of a tree. The fillers are always preserved.
#[derive(Clone, Debug)]
pub struct Model<'a> {
    tree: &'a Tree,
    own: BTreeSet<usize>,
    room: usize,
}

impl<'a> Model<'a> {
    /// Only the fillers are preserved, and there is room for `room` entries.
    pub fn new(tree: &'a Tree, room: usize) -> Self {
        Self {
            tree,
            own: BTreeSet::new(),
            room,
        }
    }

    /// The counts that are not 0, but those of the fillers.
    pub fn counts(&self) -> BTreeMap<usize, u16> {
        let mut counts = BTreeMap::new();
        let members = self.own.iter().map(|&nr| (nr, 1));

        for (nr, times) in members.chain(self.tree.filled()) {
            for function in self.tree.path(nr) {
                *counts.entry(function).or_default() += times;
            }
        }
        counts
    }

    /// How many entries are in use.
    pub fn used(&self) -> usize {
        self.counts().len() + self.nr_fillers()
    }

    /// How many devices are preserved.
    pub fn nr_own(&self) -> usize {
        self.own.len() + self.nr_fillers()
    }

    /// Whether `nr` itself is preserved.
    pub fn is_own(&self, nr: usize) -> bool {
        self.own.contains(&nr)
    }

    /// Preserves `nr`, unless it is refused.
    pub fn preserve(&mut self, nr: usize) -> Result<(), Refused> {
        if self.is_own(nr) {
            return Err(Refused::Busy);
        }

        let counts = self.counts();
        let mut used = self.used();
        for function in self.tree.path(nr) {
            match counts.get(&function) {
                Some(&u16::MAX) => return Err(Refused::Overflow(self.tree.node(function).key())),
                Some(_) => (),
                None if used == self.room => return Err(Refused::Full),
                None => used += 1,
            }
        }
        self.own.insert(nr);
        Ok(())
    }

    /// Unpreserves `nr`, if it is preserved.
    pub fn unpreserve(&mut self, nr: usize) -> Result<(), NotPreserved> {
        self.own.remove(&nr).then_some(()).ok_or(NotPreserved)
    }

    fn nr_fillers(&self) -> usize {
        self.tree.filled().map_or(0, |(_, nr)| nr.into())
    }
}
