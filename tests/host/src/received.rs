// SPDX-License-Identifier: GPL-2.0

//! Runs the incoming side and its model through the same steps.

use crate::{
    abi::{
        identity::{
            Identity,
            Record, //
        },
        Key, //
    },
    logic::{
        Arrival,
        Function,
        Slot, //
    },
    model,
    receive::Core,
    tree::{
        Node,
        Tree, //
    }, //
};

/// The incoming side and its model.
pub struct Received<'a> {
    tree: &'a Tree,
    core: Core,
    model: model::Incoming,
}

impl<'a> Received<'a> {
    /// What was taken over, and for each function of it its number, that of its entry and its
    /// count.
    pub fn new(
        tree: &'a Tree,
        core: Core,
        counts: impl IntoIterator<Item = (usize, u32, u16)>,
    ) -> Self {
        let left = counts.into_iter().map(|(nr, at, count)| (nr, (at, count)));
        let model = model::Incoming {
            left: left.collect(),
            ..model::Incoming::default()
        };

        Self { tree, core, model }
    }

    /// Takes a record that is sound. Each function was what `is` says.
    pub fn take_record(&mut self, record: &Record, is: impl Fn(usize) -> Identity) {
        assert_eq!(self.core.take_record(record), Ok(()));
        self.model.expected = self.model.left.keys().map(|&nr| (nr, is(nr))).collect();
    }

    /// Enumerates a function, and finds `is` there.
    pub fn arrive(&mut self, node: Node<'_>, is: &Identity) {
        let arrived = self.core.arrive(node);
        let recognized = arrived.then(|| self.core.recognize(node, is));

        let expected = self.model.expected.get(&node.nr()).copied();
        let same = self.model.arrive(node.nr(), is);
        match recognized {
            None => assert!(!same, "it is incoming"),
            Some(Ok(found)) => assert!(same && found == expected, "as it was"),
            Some(Err(_)) => assert!(!same, "it is the same"),
        }
    }

    /// Takes a function away.
    pub fn depart(&mut self, node: Node<'_>) {
        self.core.depart(node);
        self.model.depart(node.nr());
    }

    /// Finishes a device, or is refused.
    ///
    /// # Panics
    ///
    /// If they do not agree, or if the step is refused and something has changed.
    pub fn finish(&mut self, node: Node<'_>) {
        let before = self.state();
        let result = self.core.finish(node);

        assert_eq!(result, self.model.finish(self.tree, node.nr()));
        assert!(result.is_ok() || self.state() == before, "nothing changed");
    }

    /// All that what happens next depends on, and what the model says of it.
    pub fn state(&self) -> Vec<u8> {
        let mut state = Vec::new();

        for entry in self.core.iter() {
            let device = |is: Option<Identity>| is.map_or(0, |is| is.device).to_le_bytes();
            state.extend(entry.key.index().to_le_bytes());
            state.extend(entry.nr.to_le_bytes());
            state.extend(entry.refcount.to_le_bytes());
            state.extend([entry.found, entry.bridge].map(u8::from));
            state.extend([device(entry.expected), device(entry.seen)].as_flattened());
        }
        for node in self.tree.nodes() {
            let (nr, slot) = (node.nr(), Slot::into_raw(node.incoming()));
            let left = self.model.left.get(&nr).map_or(0, |&(_, count)| count);
            let model = [&self.model.incoming, &self.model.found, &self.model.known];
            state.extend(slot.to_le_bytes());
            state.extend(left.to_le_bytes());
            state.extend(model.map(|set| u8::from(set.contains(&nr))));
        }
        state
    }

    /// Compares all that the core reports with the model.
    ///
    /// # Panics
    ///
    /// If they do not agree.
    pub fn compare(&self) {
        let entries: Vec<_> = self.core.iter().collect();
        assert_eq!(entries.len(), self.model.left.len(), "each is listed once");

        for node in self.tree.nodes() {
            self.compare_entry(&entries, node);
            let slot = node.incoming().map(|slot| entries[slot.index()].key);
            assert_eq!(slot, self.slot(node), "the slot of {}", node.key());
        }
        let mut left = self.model.left.values();
        assert_eq!(self.core.is_finished(), left.all(|&(_, count)| count == 0));
    }

    fn compare_entry(&self, entries: &[&Arrival], node: Node<'_>) {
        let (nr, key) = (node.nr(), node.key());
        let entry = entries.iter().find(|entry| entry.key == key);
        let seen = entry.map(|e| (e.nr, e.refcount, e.found, e.bridge));
        let bridge = node.is_bridge() && self.model.known.contains(&nr);
        let found = self.model.found.contains(&nr);

        let expected = self.model.left.get(&nr);
        let expected = expected.map(|&(at, count)| (at, count, found, bridge));
        assert_eq!(seen, expected, "the entry of {key}");
    }

    fn slot(&self, node: Node<'_>) -> Option<Key> {
        let incoming = self.model.incoming.contains(&node.nr());

        incoming.then(|| node.key())
    }
}
