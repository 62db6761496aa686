// SPDX-License-Identifier: GPL-2.0

//! Runs the outgoing side and its model through the same steps.

use crate::{
    abi::{
        blocks::ENTRIES,
        DevSer,
        Key,
        Ser, //
    },
    folio::Folio,
    logic::{
        Entry,
        Function,
        Refused,
        Slot, //
    },
    model,
    naive,
    receive::receive_both,
    received::Received,
    recorder::{
        self,
        Core,
        List, //
    },
    tree::{
        Node,
        Tree, //
    }, //
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::Index, //
};
use std::collections::{
    HashMap,
    HashSet, //
};
use zerocopy::IntoBytes;

/// What happens to a device.
#[derive(Clone, Debug)]
pub enum Step {
    /// A driver preserves it.
    Preserve(Index),
    /// The driver no longer does.
    Unpreserve(Index),
    /// It is destroyed, and before it everything below it.
    Remove(Index),
}

/// Up to `most` steps.
pub fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => any::<Index>().prop_map(Step::Preserve),
        4 => any::<Index>().prop_map(Step::Unpreserve),
        1 => any::<Index>().prop_map(Step::Remove),
    ];

    vec(step, 1..=most)
}

/// Everything that a refused step must leave alone.
#[derive(PartialEq, Eq)]
pub struct Snapshot {
    bytes: Vec<u8>,
    list: Vec<u8>,
    entries: Vec<Entry>,
    counters: (u32, usize),
    slots: Vec<Option<Slot>>,
}

impl Snapshot {
    /// The state of `core`, and the slots of the functions of `tree`.
    pub fn of(core: &Core, tree: &Tree) -> Self {
        let ser: &Ser = core.table().memory();

        Self {
            bytes: ser.as_bytes().to_vec(),
            list: list_bytes(core.table().list()),
            entries: core.iter().copied().collect(),
            counters: (core.nr_used(), core.nr_own()),
            slots: tree.nodes().map(Function::outgoing).collect(),
        }
    }
}

/// The numbers and the entries of a list.
///
/// How many of the entries are linked is left out: a step that is refused may have used one.
fn list_bytes(list: &List) -> Vec<u8> {
    let head = list.head();
    let numbers = [head.version, head.nr_devices].as_bytes().to_vec();

    list.pages().iter().fold(numbers, |mut bytes, page| {
        bytes.extend(page.devices.as_bytes());
        bytes
    })
}

/// The outgoing side and its model.
pub struct Pair<'a> {
    tree: &'a Tree,
    core: Core,
    model: model::Outgoing<'a>,
}

impl<'a> Pair<'a> {
    /// The fillers of `tree` are preserved, and there is room for `room` entries more.
    pub fn new(tree: &'a Tree, room: usize) -> Self {
        let fillers = tree.filled().map_or(0, |(_, nr)| nr.into());
        let room = room + fillers;
        let mut core = recorder::outgoing(Folio::for_devices(room));

        for filler in tree.fillers() {
            assert_eq!(core.preserve(filler), Ok(()), "there is room for it");
        }
        Self {
            tree,
            core,
            model: model::Outgoing::new(tree, room),
        }
    }

    /// Takes a step on both.
    ///
    /// # Panics
    ///
    /// If they do not agree, or if the step is refused and something has changed.
    pub fn step(&mut self, step: &Step) {
        match step {
            Step::Preserve(any) => self.preserve(self.tree.pick(any)),
            Step::Unpreserve(any) => self.unpreserve(self.tree.pick(any)),
            Step::Remove(any) => {
                let gone = self.tree.subtree(self.tree.pick(any).nr());
                gone.into_iter().for_each(|node| self.unpreserve(node));
            }
        }
    }

    /// Preserves a device, or is refused.
    ///
    /// # Panics
    ///
    /// As [`step`](Self::step).
    pub fn preserve(&mut self, node: Node<'_>) {
        let before = Snapshot::of(&self.core, self.tree);
        let result = self.core.preserve(node);
        let after = Snapshot::of(&self.core, self.tree);

        assert_eq!(result, self.model.preserve(node.nr()));
        assert!(result.is_ok() || after == before, "all or nothing");
    }

    /// Unpreserves a device, or is refused.
    ///
    /// # Panics
    ///
    /// As [`step`](Self::step).
    pub fn unpreserve(&mut self, node: Node<'_>) {
        let before = Snapshot::of(&self.core, self.tree);
        let result = self.core.unpreserve(node);
        let after = Snapshot::of(&self.core, self.tree);

        assert_eq!(result, self.model.unpreserve(node.nr()));
        assert!(result.is_ok() || after == before, "nothing has changed");
    }

    /// Compares all that the core reports with the model.
    ///
    /// # Panics
    ///
    /// If they do not agree, or if an invariant of the core is broken.
    pub fn compare(&self) {
        self.compare_table();
        self.compare_list();
        self.compare_entries();
        self.compare_functions();
    }

    /// The outgoing side.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// What the next kernel takes over.
    ///
    /// # Panics
    ///
    /// If that is not what the model says.
    pub fn hand_over(&self) -> Received<'a> {
        let list = self.core.table().list();
        let core = receive_both(self.ser(), list.head(), list).expect("it is right");
        let counts = self.model.counts().into_iter().map(|(nr, count)| {
            let slot = self.tree.node(nr).outgoing().expect("it has an entry");
            (nr, slot.nr(), count)
        });
        let counts: Vec<_> = counts.collect();

        let mut expected: Vec<_> = counts
            .iter()
            .map(|&(nr, at, count)| {
                let key = self.tree.node(nr).key();
                (8 + 8 * at as usize, key.domain(), key.bdf(), count)
            })
            .collect();
        expected.sort_unstable();
        assert_eq!(
            naive::read(self.core.table().memory().as_bytes()),
            Ok(expected)
        );
        Received::new(self.tree, core, counts)
    }

    fn ser(&self) -> &Ser {
        self.core.table().memory()
    }

    /// The next kernel accepts the table, and each function with a slot has an entry of its own.
    fn compare_table(&self) {
        let ser = self.ser();
        let mut expected = vec![DevSer::default(); ser.devices.len()];
        let entries: HashMap<Key, DevSer> =
            self.core.iter().map(|e| (e.ser.key(), e.ser)).collect();

        for node in self.tree.nodes().chain(self.tree.fillers()) {
            let Some(slot) = node.outgoing() else {
                continue;
            };
            let entry = &mut expected[slot.index()];
            assert!(!entry.is_used(), "{} shares its slot", node.key());
            *entry = entries[&node.key()];
        }

        assert_eq!(self.core.table().check(), Ok(()));
        assert_eq!(ser.devices, expected[..], "and free entries are zero");
        assert_eq!(usize::try_from(ser.nr_devices), Ok(self.model.used()));
    }

    /// The next kernel accepts the list, and it says what the array says.
    ///
    /// Blocks are linked with their first entry, and then have all entries that were ever used.
    fn compare_list(&self) {
        let (ser, list) = (self.ser(), self.core.table().list());
        let both = receive_both(ser, list.head(), list);

        assert_eq!(both.map(|core| core.iter().count()), Ok(self.model.used()));
        for (nr, dev) in (0..).zip(&ser.devices) {
            assert_eq!(list.get(nr), *dev, "entry {nr}");
        }
        let mut open = true;
        for page in list.pages() {
            assert!(open || page.count == 0, "a block before it is not full");
            open = page.count == ENTRIES as u64;
        }
    }

    /// Exactly one entry is in use for each function that is counted.
    fn compare_entries(&self) {
        let mut keys = HashSet::new();

        for entry in self.core.iter() {
            let mut clean = Entry::default();
            (clean.ser, clean.own, clean.bridge) = (entry.ser, entry.own, entry.bridge);
            clean.spot = entry.spot;

            assert!(keys.insert(entry.ser.key()), "each function has one entry");
            assert_eq!(*entry, clean, "an entry in use is on no list");
        }
        assert_eq!(keys.len(), self.model.used());
        assert_eq!(usize::try_from(self.core.nr_used()), Ok(keys.len()));
        assert_eq!(self.core.nr_own(), self.model.nr_own());
    }

    /// Each function has the entry that the model expects.
    fn compare_functions(&self) {
        let counts = self.model.counts();

        for node in self.tree.nodes() {
            let own = self.model.is_own(node.nr());
            let entry = self.core.iter().find(|e| e.ser.key() == node.key());
            let found = entry.map(|e| (e.ser.refcount, e.own, e.bridge));
            let count = counts.get(&node.nr());

            assert_eq!(found, count.map(|&c| (c, own, node.is_bridge())));
            assert_eq!(node.outgoing().is_some(), count.is_some());
            assert_eq!(self.core.is_own(node), own);

            let slot = node.outgoing().map(Slot::nr);
            for nr in (0..).take(self.core.capacity() + 1) {
                let held = self.core.holds(nr, node.key());
                assert_eq!(held, slot == Some(nr), "entry {nr}, {}", node.key());
            }
        }
    }

    /// All that what happens next depends on, and what the model says of it.
    pub fn state(mut self) -> Vec<u8> {
        let mut state = self.ser().as_bytes().to_vec();

        for page in self.core.table().list().pages() {
            state.extend(page.count.to_le_bytes());
        }
        for node in self.tree.nodes() {
            let own = [self.core.is_own(node), self.model.is_own(node.nr())];
            state.extend(Slot::into_raw(node.outgoing()).to_le_bytes());
            state.extend(own.map(u8::from));
        }

        // In which order the free entries are used shows when they are.
        let flat = flat(self.core.capacity());
        for node in flat.nodes() {
            if self.core.preserve(node).is_ok() {
                state.extend(Slot::into_raw(node.outgoing()).to_le_bytes());
            }
        }
        state
    }

    /// Unpreserves everything, and then uses every entry of the table.
    ///
    /// # Panics
    ///
    /// If an entry is still in use, was lost, or is given to two functions.
    pub fn refill(mut self) {
        for node in self.tree.nodes().chain(self.tree.fillers()) {
            if self.core.is_own(node) {
                assert_eq!(self.core.unpreserve(node), Ok(()));
            }
        }
        let zero = |dev: &DevSer| *dev == DevSer::default();
        assert!(self.ser().devices.iter().all(zero), "nothing is left");
        assert_eq!((self.core.nr_used(), self.core.nr_own()), (0, 0));

        let room = self.ser().devices.len();
        let flat = flat(room + 1);
        for node in flat.nodes().take(room) {
            assert_eq!(self.core.preserve(node), Ok(()), "no entry is lost");
        }
        assert_eq!(self.core.preserve(flat.node(room)), Err(Refused::Full));

        let slots = flat.nodes().filter_map(Function::outgoing);
        let slots: HashSet<_> = slots.map(Slot::nr).collect();
        assert_eq!(slots.len(), room, "no entry is given out twice");
    }
}

/// That many devices on root buses.
fn flat(nr: usize) -> Tree {
    let keys = (0..).flat_map(|domain| (0..=u16::MAX).map(move |bdf| Key::new(domain, bdf)));
    let mut tree = Tree::default();

    for key in keys.take(nr) {
        tree.add(key, false, None);
    }
    tree
}
