// SPDX-License-Identifier: GPL-2.0

//! Random topologies.

use crate::{
    abi::Key,
    logic::{
        Function,
        Path, //
    },
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::Index, //
};
use std::{
    collections::HashMap,
    iter, //
};

/// Segments that differ in one low bit, in one that 16 bits cannot hold, and in every bit.
const DOMAINS: [u32; 4] = [0, 1, 0x1_0000, u32::MAX];

/// A function and the bridge right above it.
#[derive(Clone, Copy, Debug)]
struct Node {
    function: Function,
    parent: Option<usize>,
}

/// The functions of a machine, a bridge always before what is below it.
#[derive(Clone, Debug, Default)]
pub struct Tree(Vec<Node>);

/// Where a function is plugged in.
#[derive(Clone, Debug)]
enum Spot {
    /// On the root bus of a segment.
    Root(u32),
    /// Below the bridge that was added last.
    Latest,
    /// Below any bridge.
    Below(Index),
}

impl Tree {
    /// The numbers of all functions.
    pub fn nodes(&self) -> std::ops::Range<usize> {
        0..self.0.len()
    }

    /// The function `node` itself.
    pub fn function(&self, node: usize) -> Function {
        self.0[node].function
    }

    /// The function `node` and the bridges above it.
    pub fn path(&self, node: usize) -> Path<impl Iterator<Item = Function> + Clone + '_> {
        let above = iter::successors(self.0[node].parent, |&n| self.0[n].parent);

        Path {
            device: self.function(node),
            above: above.map(|n| self.function(n)),
        }
    }

    /// The function `node` and everything below it, the deepest first.
    pub fn subtree(&self, node: usize) -> Vec<usize> {
        let key = self.function(node).key;
        let below = |n: &usize| self.path(*n).iter().any(|f| f.key == key);

        self.nodes().rev().filter(below).collect()
    }

    /// Adds a function.
    fn plug(&mut self, spot: Spot, bridge: bool, used: &mut HashMap<u32, u16>) {
        let bridges: Vec<_> = self
            .nodes()
            .filter(|&n| self.0[n].function.bridge)
            .collect();
        let parent = match &spot {
            Spot::Root(_) => None,
            Spot::Latest => bridges.last().copied(),
            Spot::Below(any) => bridges.get(any.index(bridges.len().max(1))).copied(),
        };
        let domain = match (parent, spot) {
            (Some(parent), _) => self.0[parent].function.key.domain(),
            (None, Spot::Root(domain)) => domain,
            (None, _) => DOMAINS[0],
        };

        // 00:00.0, ff:1f.7, ff:1f.6, ...: the same functions in each segment, both ends first.
        let nth = used.entry(domain).or_default();
        let key = Key::new(domain, 0u16.wrapping_sub(*nth));
        *nth += 1;

        let function = Function { key, bridge };
        self.0.push(Node { function, parent });
    }
}

/// Trees of 1 to `most` functions in up to four segments, flat ones and deep ones.
pub fn trees(most: usize) -> impl Strategy<Value = Tree> {
    let spot = prop_oneof![
        (0..DOMAINS.len()).prop_map(|d| Spot::Root(DOMAINS[d])),
        Just(Spot::Latest),
        any::<Index>().prop_map(Spot::Below),
    ];

    vec((spot, any::<bool>()), 1..=most).prop_map(|plugs| {
        let mut tree = Tree::default();
        let mut used = HashMap::new();

        for (spot, bridge) in plugs {
            tree.plug(spot, bridge, &mut used);
        }
        tree
    })
}
