// SPDX-License-Identifier: GPL-2.0

//! The PCI functions of a simulated machine.

use crate::{
    abi::Key,
    logic::{
        Function,
        Slot, //
    },
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::Index, //
};
use std::{
    cell::Cell,
    collections::HashMap,
    iter, //
};

/// Segments that differ in one low bit, in one that 16 bits cannot hold, and in every bit.
const DOMAINS: [u32; 4] = [0, 1, 0x1_0000, u32::MAX];

/// The segment of the functions that [`Tree::fill`] adds.
const FILLED: u32 = 0x2_0000;

/// A function with the state that a kernel keeps on it.
#[derive(Clone, Debug)]
struct Device {
    key: Key,
    bridge: bool,
    upstream: Option<usize>,
    outgoing: Cell<Option<Slot>>,
    incoming: Cell<Option<Slot>>,
}

/// The functions of a machine. A bridge comes before what is below it.
///
/// The functions that [`Tree::fill`] adds come last. No random step picks one of them.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    devices: Vec<Device>,
    filled: Option<(usize, u16)>,
    calls: Cell<usize>,
}

/// A function of a tree. Each use of the [`Function`] trait is counted.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    tree: &'a Tree,
    nr: usize,
}

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
    /// Adds a function below bridge `upstream`, or on a root bus, and returns its number.
    pub fn add(&mut self, key: Key, bridge: bool, upstream: Option<usize>) -> usize {
        self.devices.push(Device {
            key,
            bridge,
            upstream,
            outgoing: Cell::new(None),
            incoming: Cell::new(None),
        });
        self.devices.len() - 1
    }

    /// Adds `nr` devices right below `bridge`. Nothing else can be added after that.
    pub fn fill(mut self, bridge: usize, nr: u16) -> Self {
        for bdf in 0..nr {
            self.add(Key::new(FILLED, bdf), false, Some(bridge));
        }
        self.filled = Some((bridge, nr));
        self
    }

    /// The same machine as the next kernel finds it: no function has a slot.
    pub fn rebooted(&self) -> Self {
        let tree = self.clone();

        tree.reboot();
        tree
    }

    /// Takes the slots of all functions.
    pub fn reboot(&self) {
        for device in &self.devices {
            device.outgoing.set(None);
            device.incoming.set(None);
        }
    }

    /// Function `nr`.
    pub fn node(&self, nr: usize) -> Node<'_> {
        Node { tree: self, nr }
    }

    /// The functions that were not added by [`fill`](Self::fill).
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = Node<'_>> {
        (0..self.nr_nodes()).map(|nr| self.node(nr))
    }

    /// How many of them there are.
    pub fn nr_nodes(&self) -> usize {
        self.devices.len() - self.filled.map_or(0, |(_, nr)| nr.into())
    }

    /// One of them.
    pub fn pick(&self, any: &Index) -> Node<'_> {
        self.node(any.index(self.nr_nodes()))
    }

    /// The functions that were added by [`fill`](Self::fill).
    pub fn fillers(&self) -> impl Iterator<Item = Node<'_>> {
        (self.nr_nodes()..self.devices.len()).map(|nr| self.node(nr))
    }

    /// The bridge above the fillers, and how many they are.
    pub fn filled(&self) -> Option<(usize, u16)> {
        self.filled
    }

    /// The bridges.
    pub fn bridges(&self) -> Vec<usize> {
        let all = 0..self.devices.len();

        all.filter(|&nr| self.devices[nr].bridge).collect()
    }

    /// The numbers of function `nr` and of the bridges above it.
    pub fn path(&self, nr: usize) -> impl Iterator<Item = usize> + '_ {
        iter::successors(Some(nr), |&nr| self.devices[nr].upstream)
    }

    /// Function `nr` and everything below it, the deepest first.
    pub fn subtree(&self, nr: usize) -> Vec<Node<'_>> {
        let below = |node: &Node<'_>| self.path(node.nr).any(|above| above == nr);

        self.nodes().rev().filter(below).collect()
    }

    /// How often the [`Function`] trait was used on any node.
    pub fn calls(&self) -> usize {
        self.calls.get()
    }

    /// Adds a function where `spot` says.
    fn plug(&mut self, spot: Spot, bridge: bool, used: &mut HashMap<u32, u16>) {
        let bridges = self.bridges();
        let upstream = match &spot {
            Spot::Root(_) => None,
            Spot::Latest => bridges.last().copied(),
            Spot::Below(any) => bridges.get(any.index(bridges.len().max(1))).copied(),
        };
        let domain = match (upstream, spot) {
            (Some(upstream), _) => self.devices[upstream].key.domain(),
            (None, Spot::Root(domain)) => domain,
            (None, _) => DOMAINS[0],
        };

        // 00:00.0, ff:1f.7, ff:1f.6, ...: the same functions in each segment, both ends first.
        let nth = used.entry(domain).or_default();
        let key = Key::new(domain, 0u16.wrapping_sub(*nth));
        *nth += 1;
        self.add(key, bridge, upstream);
    }
}

impl Node<'_> {
    /// Its number in the tree.
    pub fn nr(self) -> usize {
        self.nr
    }

    fn device(&self) -> &Device {
        self.tree.calls.set(self.tree.calls.get() + 1);
        &self.tree.devices[self.nr]
    }
}

impl Function for Node<'_> {
    fn key(self) -> Key {
        self.device().key
    }

    fn is_bridge(self) -> bool {
        self.device().bridge
    }

    fn same(self, other: Self) -> bool {
        self.nr == other.nr
    }

    fn upstream(self) -> Option<Self> {
        let upstream = self.device().upstream;

        upstream.map(|nr| Self { nr, ..self })
    }

    fn outgoing(self) -> Option<Slot> {
        self.device().outgoing.get()
    }

    fn set_outgoing(self, slot: Option<Slot>) {
        self.device().outgoing.set(slot);
    }

    fn incoming(self) -> Option<Slot> {
        self.device().incoming.get()
    }

    fn set_incoming(self, slot: Option<Slot>) {
        self.device().incoming.set(slot);
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
