// SPDX-License-Identifier: GPL-2.0

//! The reference models of counting.
//!
//! That of the outgoing side stores no count. The preserved devices are a set, and every count is
//! found by walking the path of each member. That is too slow for a kernel, but easy to verify by
//! reading.

use crate::{
    abi::identity::Identity,
    logic::{
        Function,
        NotIncoming,
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
pub struct Outgoing<'a> {
    tree: &'a Tree,
    own: BTreeSet<usize>,
    room: usize,
}

impl<'a> Outgoing<'a> {
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

/// What was handed over: what is left of it, what is incoming now, and what has arrived before.
#[derive(Clone, Debug, Default)]
pub struct Incoming {
    /// The number of the entry of each function, and what is left of its count.
    pub left: BTreeMap<usize, (u32, u16)>,
    /// What each function was, as far as that is known.
    pub expected: BTreeMap<usize, Identity>,
    /// The functions that are incoming.
    pub incoming: BTreeSet<usize>,
    /// Those that were found, and did not go away unfinished.
    pub found: BTreeSet<usize>,
    /// Those that were ever found.
    pub known: BTreeSet<usize>,
}

impl Incoming {
    /// Enumerates `nr`, where `is` is. Tells whether it is incoming.
    pub fn arrive(&mut self, nr: usize, is: &Identity) -> bool {
        if self.left.get(&nr).is_none_or(|&(_, count)| count == 0) {
            return false;
        }

        self.known.insert(nr);
        if self
            .expected
            .get(&nr)
            .is_some_and(|expected| expected != is)
        {
            self.found.remove(&nr);
            return false;
        }
        self.incoming.insert(nr);
        self.found.insert(nr);
        true
    }

    /// Takes `nr` away.
    pub fn depart(&mut self, nr: usize) {
        if self.incoming.remove(&nr) {
            self.found.remove(&nr);
        }
    }

    /// Finishes `nr`, and tells how many functions of its path had no count.
    pub fn finish(&mut self, tree: &Tree, nr: usize) -> Result<usize, NotIncoming> {
        if !self.incoming.contains(&nr) {
            return Err(NotIncoming);
        }

        let mut forgotten = 0;
        for function in tree.path(nr) {
            let left = self.left.get_mut(&function);
            match left.filter(|_| self.incoming.contains(&function)) {
                None => forgotten += 1,
                Some((_, count)) => {
                    *count -= 1;
                    if *count == 0 {
                        self.incoming.remove(&function);
                    }
                }
            }
        }
        Ok(forgotten)
    }
}
