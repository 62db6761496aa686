// SPDX-License-Identifier: GPL-2.0

//! A machine whose kernels follow each other, and each of them with its models.
//!
//! What the core adds to the logic in a kernel is done here as well: a frozen device is neither
//! preserved nor unpreserved, one that goes away is forgotten by both sides and by the record, and
//! one that is enumerated is looked up before it is recognized.

use crate::{
    abi::identity::{
        Identity,
        Record, //
    },
    folio::Folio,
    logic::{
        eligible,
        Facts,
        Function, //
    },
    map::Map,
    pair::Pair,
    receive::receive,
    received::Received,
    record,
    tree::{
        Node,
        Tree, //
    }, //
};

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A driver preserves a device.
    Preserve(usize),
    /// The driver no longer does.
    Unpreserve(usize),
    /// A function is removed, and before it everything below it. The cards stay in their slots.
    Remove(usize),
    /// The other one of two cards is plugged in where a device is or was.
    Plug(usize),
    /// Everything that is there and not known is enumerated.
    Rescan,
    /// The devices are shut down.
    Freeze,
    /// The next kernel starts. It has enumerated nothing.
    Jump,
    /// A device is enumerated, and before it the bridges above it.
    Arrive(usize),
    /// A driver finishes a device, whether it is that of the driver or not.
    Finish(usize),
}

/// A machine with the kernel that runs.
pub struct Machine<'a> {
    tree: &'a Tree,
    room: usize,
    outgoing: Pair<'a>,
    incoming: Received<'a>,
    record: Folio,
    known: Vec<bool>,
    cards: Vec<u16>,
    frozen: bool,
}

impl<'a> Machine<'a> {
    /// The functions of `tree`, all of them enumerated by the first kernel, which has `room`
    /// entries for those that it preserves.
    pub fn new(tree: &'a Tree, room: usize) -> Self {
        let nothing = receive(&Folio::for_devices(0), Map::default()).expect("it is empty");

        tree.reboot();
        Self {
            tree,
            room,
            outgoing: Pair::new(tree, room),
            incoming: Received::new(tree, nothing, []),
            record: empty_record(room),
            known: vec![true; tree.nr_nodes()],
            cards: vec![0; tree.nr_nodes()],
            frozen: false,
        }
    }

    /// Whether a step can happen now.
    pub fn can(&self, step: Step) -> bool {
        match step {
            Step::Preserve(nr) | Step::Remove(nr) => self.known[nr],
            Step::Plug(nr) => self.tree.path(nr).skip(1).all(|above| self.known[above]),
            Step::Rescan => self.known.contains(&false),
            Step::Freeze => !self.frozen,
            Step::Arrive(nr) => !self.known[nr],
            // A file has a device after that was removed.
            Step::Unpreserve(_) | Step::Finish(_) | Step::Jump => true,
        }
    }

    /// Takes a step that can happen.
    ///
    /// # Panics
    ///
    /// If the core and a model do not agree.
    pub fn take(&mut self, step: Step) {
        match step {
            Step::Preserve(nr) => self.preserve(nr),
            Step::Unpreserve(nr) if self.frozen => assert!(!self.can(Step::Freeze), "{nr} stays"),
            Step::Unpreserve(nr) => self.outgoing.unpreserve(self.tree.node(nr)),
            Step::Remove(nr) => self.remove(nr),
            Step::Plug(nr) => {
                self.remove(nr);
                self.cards[nr] ^= 1;
                self.enumerate(nr);
            }
            Step::Rescan => (0..self.known.len()).for_each(|nr| self.enumerate(nr)),
            Step::Freeze => self.freeze(),
            Step::Jump => self.jump(),
            Step::Arrive(nr) => {
                let mut path: Vec<_> = self.tree.path(nr).collect();
                path.reverse();
                path.into_iter().for_each(|nr| self.enumerate(nr));
            }
            Step::Finish(nr) => self.incoming.finish(self.tree.node(nr)),
        }
    }

    fn preserve(&mut self, nr: usize) {
        let facts = Facts {
            frozen: self.frozen,
            ..Facts::default()
        };

        match eligible(&facts) {
            Ok(()) => self.outgoing.preserve(self.tree.node(nr)),
            Err(_) => assert!(self.frozen, "nothing else is against it"),
        }
    }

    fn remove(&mut self, nr: usize) {
        for node in self.tree.subtree(nr) {
            if self.known[node.nr()] {
                self.forget(node);
            }
        }
    }

    fn forget(&mut self, node: Node<'_>) {
        self.known[node.nr()] = false;
        self.outgoing.unpreserve(node);
        self.incoming.depart(node);
        let core = self.outgoing.core();
        record::of_mut(&mut self.record).retain(|nr, identity| core.holds(nr, identity.key()));

        let slots = (node.outgoing(), node.incoming());
        assert_eq!(slots, (None, None), "nobody knows it any more");
    }

    fn enumerate(&mut self, nr: usize) {
        if !self.known[nr] {
            self.known[nr] = true;
            self.incoming.arrive(self.tree.node(nr), &self.identity(nr));
        }
    }

    fn freeze(&mut self) {
        self.frozen = true;
        for node in self.tree.nodes().filter(|node| self.known[node.nr()]) {
            let identity = self.identity(node.nr());
            if let Some(slot) = node.outgoing() {
                record::of_mut(&mut self.record).put(slot.nr(), identity);
            }
        }
    }

    fn jump(&mut self) {
        if !self.frozen {
            self.freeze();
        }
        let mut incoming = self.outgoing.hand_over();
        incoming.take_record(record::of(&self.record), |nr| self.identity(nr));

        let cards = self.cards.clone();
        *self = Self {
            incoming,
            known: vec![false; cards.len()],
            cards,
            ..Self::new(self.tree, self.room)
        };
    }

    fn identity(&self, nr: usize) -> Identity {
        let node = self.tree.node(nr);

        Identity {
            domain: node.key().domain(),
            bdf: node.key().bdf(),
            device: record::CARD.device + self.cards[nr],
            header_type: node.is_bridge().into(),
            ..record::CARD
        }
    }

    /// Compares all that both sides report with the models.
    ///
    /// # Panics
    ///
    /// If they do not agree, or if an entry of the outgoing side is lost.
    pub fn compare(self) {
        self.outgoing.compare();
        self.incoming.compare();
        self.outgoing.refill();
    }

    /// All that what happens next depends on. Two machines that say the same go on the same way.
    pub fn state(self) -> Vec<u8> {
        let mut state = self.incoming.state();

        state.push(self.frozen.into());
        state.extend(self.known.iter().map(|&known| u8::from(known)));
        state.extend(self.cards.iter().flat_map(|card| card.to_le_bytes()));
        state.extend(self.record.as_bytes());
        state.extend(self.outgoing.state());
        state
    }
}

/// A record with that many free entries.
fn empty_record(entries: usize) -> Folio {
    let size = Record::size_for(entries).expect("it is small");

    record::Block::new(size).folio()
}
