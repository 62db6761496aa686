// SPDX-License-Identifier: GPL-2.0

//! The core and the model, side by side through the same steps.

use crate::{
    abi::{
        DevSer,
        Key,
        Ser, //
    },
    folio::Folio,
    logic::{
        Function,
        Outgoing,
        Path,
        Place, //
    },
    map::{
        Map,
        Probe, //
    },
    model::Model,
    tree::Tree,
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::Index, //
};
use std::collections::HashMap;
use zerocopy::IntoBytes;

/// The core, as the host tests build it.
pub type Core = Outgoing<Folio, Map<Place>>;

/// A segment that no tree has.
const CROWDED: u32 = 0x2_0000;

/// What happens to a device.
#[derive(Clone, Debug)]
pub enum Step {
    /// A driver preserves it, while the index takes that many more functions.
    Preserve(Index, Option<usize>),
    /// The driver changes its mind.
    Unpreserve(Index),
    /// It is destroyed, and before it everything below it.
    Remove(Index),
}

/// Up to `most` steps.
pub fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let fuse = prop_oneof![4 => Just(None), 1 => (0..4usize).prop_map(Some)];

    let step = prop_oneof![
        6 => (any::<Index>(), fuse).prop_map(|(node, fuse)| Step::Preserve(node, fuse)),
        4 => any::<Index>().prop_map(Step::Unpreserve),
        1 => any::<Index>().prop_map(Step::Remove),
    ];
    vec(step, 1..=most)
}

/// Everything that a refused step must leave alone.
#[derive(PartialEq, Eq)]
struct Picture {
    bytes: Vec<u8>,
    entries: Vec<(DevSer, Place)>,
    nr_own: usize,
}

/// The core and the model.
pub struct Pair<'a> {
    tree: &'a Tree,
    core: Core,
    probe: Probe,
    model: Model<'a>,
}

impl<'a> Pair<'a> {
    /// Both without devices, with room for `room` entries.
    pub fn new(tree: &'a Tree, room: usize) -> Self {
        let probe = Probe::default();

        Self {
            tree,
            core: Core::new(Folio::for_devices(room), Map::new(&probe)),
            probe,
            model: Model::new(tree, room),
        }
    }

    /// Both with `size` devices below `bridge` that are not in the tree, and room for `room`
    /// entries more.
    pub fn with_crowd(tree: &'a Tree, room: usize, bridge: usize, size: u16) -> Self {
        let room = room + usize::from(size);
        let mut pair = Self::new(tree, room);
        let above = tree.path(bridge);

        pair.model = Model::with_crowd(tree, room, bridge, size);
        for bdf in 0..size {
            let device = Function {
                key: Key::new(CROWDED, bdf),
                bridge: false,
            };
            let above = above.iter();
            let result = pair.core.preserve(&Path { device, above });
            assert_eq!(result, Ok(()), "the crowd fits");
        }
        pair
    }

    /// Takes a step on both sides.
    ///
    /// # Panics
    ///
    /// If they do not agree, or if the step is refused and leaves a trace.
    pub fn step(&mut self, step: &Step) {
        let node = |any: &Index| any.index(self.tree.nodes().len());

        match step {
            Step::Preserve(any, fuse) => self.preserve(node(any), *fuse),
            Step::Unpreserve(any) => self.unpreserve(node(any)),
            Step::Remove(any) => {
                let gone = self.tree.subtree(node(any));
                gone.into_iter().for_each(|node| self.unpreserve(node));
            }
        }
    }

    fn preserve(&mut self, node: usize, fuse: Option<usize>) {
        let before = self.picture();

        self.probe.set_fuse(fuse);
        let result = self.core.preserve(&self.tree.path(node));
        self.probe.set_fuse(None);

        assert_eq!(result, self.model.preserve(node, fuse));
        assert!(result.is_ok() || self.picture() == before, "all or nothing");
    }

    fn unpreserve(&mut self, node: usize) {
        let before = self.picture();
        let result = self.core.unpreserve(&self.tree.path(node));

        assert_eq!(result, self.model.unpreserve(node));
        assert!(
            result.is_ok() || self.picture() == before,
            "nothing changed"
        );
    }

    fn picture(&self) -> Picture {
        let ser: &Ser = self.core.ser();

        Picture {
            bytes: ser.as_bytes().to_vec(),
            entries: self.core.iter().collect(),
            nr_own: self.core.nr_own(),
        }
    }

    /// Looks at everything that the core tells.
    ///
    /// # Panics
    ///
    /// If the model tells something else, or if the block is not what it shall always be.
    pub fn compare(&self) {
        self.compare_block();

        let counts = self.model.counts();
        let entries: HashMap<_, _> = self
            .core
            .iter()
            .map(|(dev, place)| (dev.key(), (dev, place)))
            .collect();
        assert_eq!(entries.len(), self.model.used(), "no function twice");

        for node in self.tree.nodes() {
            let Function { key, bridge } = self.tree.function(node);
            let own = self.model.is_own(node);
            let entry = entries.get(&key);

            let count = entry.map(|(dev, _)| dev.refcount);
            assert_eq!(count, counts.get(&key).copied(), "the count of {key}");
            assert_eq!(self.core.contains(key), count.is_some());
            assert_eq!(self.core.is_own(key), own);
            if let Some((_, place)) = entry {
                assert_eq!((place.own, place.bridge), (own, bridge));
            }
        }
        assert_eq!(self.core.nr_own(), self.model.nr_own());
    }

    fn compare_block(&self) {
        let ser = self.core.ser();
        let nr = self.model.used();

        assert_eq!(self.core.check(), Ok(()));
        assert_eq!(ser.nr_devices as usize, nr);
        assert_eq!(self.probe.len(), nr, "the index holds what is used");

        let (used, free) = ser.devices.split_at(nr);
        assert!(used.iter().all(DevSer::is_used), "the first ones are used");
        assert!(
            free.iter().all(|dev| *dev == DevSer::default()),
            "nothing is left behind in a free entry"
        );
        for (nr, (dev, place)) in self.core.iter().enumerate() {
            assert_eq!(place.nr as usize, nr, "the index finds {}", dev.key());
        }
    }
}
