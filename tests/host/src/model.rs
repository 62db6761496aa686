// SPDX-License-Identifier: GPL-2.0

//! What counting must come to, worked out anew each time.
//!
//! No count is stored here. Who is preserved is a set; every count follows from walking the path of
//! each member. That is far too slow for a kernel, and too simple to be wrong.

use crate::{
    abi::Key,
    logic::{
        NotPreserved,
        Refused, //
    },
    map::NoMemory,
    tree::Tree, //
};
use std::collections::{
    BTreeMap,
    BTreeSet, //
};

/// How often each function is counted.
pub type Counts = BTreeMap<Key, u16>;

/// The preserved devices of a tree.
#[derive(Clone, Debug)]
pub struct Model<'a> {
    tree: &'a Tree,
    own: BTreeSet<usize>,
    room: usize,
    crowd: Option<(usize, u16)>,
}

impl<'a> Model<'a> {
    /// Nothing is preserved, and there is room for `room` entries.
    pub fn new(tree: &'a Tree, room: usize) -> Self {
        Self {
            tree,
            own: BTreeSet::new(),
            room,
            crowd: None,
        }
    }

    /// The same with `size` devices right below `bridge` that are preserved all the time and are
    /// not in the tree.
    pub fn with_crowd(tree: &'a Tree, room: usize, bridge: usize, size: u16) -> Self {
        Self {
            crowd: Some((bridge, size)),
            ..Self::new(tree, room)
        }
    }

    /// The counts of the functions in the tree that have any.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        let members = self.own.iter().map(|&node| (node, 1));

        for (node, times) in members.chain(self.crowd) {
            for function in self.tree.path(node).iter() {
                *counts.entry(function.key).or_default() += times;
            }
        }
        counts
    }

    /// How many entries are in use.
    pub fn used(&self) -> usize {
        self.counts().len() + self.crowd()
    }

    /// How many devices are preserved.
    pub fn nr_own(&self) -> usize {
        self.own.len() + self.crowd()
    }

    /// Whether `node` itself is preserved.
    pub fn is_own(&self, node: usize) -> bool {
        self.own.contains(&node)
    }

    /// Preserves `node`, unless there is a reason not to, with an index that takes `fuse` more
    /// functions.
    pub fn preserve(&mut self, node: usize, fuse: Option<usize>) -> Result<(), Refused<NoMemory>> {
        if self.is_own(node) {
            return Err(Refused::Busy);
        }

        let counts = self.counts();
        let mut new = 0;
        for function in self.tree.path(node).iter() {
            match counts.get(&function.key) {
                Some(&u16::MAX) => return Err(Refused::Overflow(function.key)),
                Some(_) => (),
                None if self.used() + new == self.room => return Err(Refused::Full),
                None if fuse == Some(new) => return Err(Refused::Index(NoMemory)),
                None => new += 1,
            }
        }
        self.own.insert(node);
        Ok(())
    }

    /// Ends that, if it was.
    pub fn unpreserve(&mut self, node: usize) -> Result<(), NotPreserved> {
        self.own.remove(&node).then_some(()).ok_or(NotPreserved)
    }

    fn crowd(&self) -> usize {
        self.crowd.map_or(0, |(_, size)| size.into())
    }
}
