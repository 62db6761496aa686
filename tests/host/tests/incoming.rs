// SPDX-License-Identifier: GPL-2.0

//! Looking up and finishing what was handed over, against a model.

use pci_liveupdate_host::{
    abi::{
        DevSer,
        Key, //
    },
    block::Block,
    cases,
    folio::Folio,
    logic::{
        Arrival,
        Function,
        Incoming,
        NotIncoming, //
    },
    map::Map,
    tree::{
        trees,
        Tree, //
    },
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::Index, //
};
use std::{
    collections::{
        BTreeMap,
        BTreeSet, //
    },
    iter,
};

type Core = Incoming<Folio, Map<Arrival>>;

/// What the next kernel does with a function.
#[derive(Clone, Debug)]
enum Step {
    Arrive(Index),
    Depart(Index),
    Finish(Index),
}

/// What is left of each count, what is there, and what has ever been there.
#[derive(Default)]
struct Model {
    left: BTreeMap<Key, u16>,
    found: BTreeSet<Key>,
    known: BTreeSet<Key>,
}

impl Model {
    fn count(&self, key: Key) -> u16 {
        self.left.get(&key).copied().unwrap_or(0)
    }

    fn arrive(&mut self, key: Key) -> bool {
        if self.count(key) == 0 {
            return false;
        }
        self.found.insert(key);
        self.known.insert(key);
        true
    }

    fn depart(&mut self, key: Key) {
        self.found.remove(&key);
    }

    fn finish(&mut self, tree: &Tree, node: usize) -> Result<usize, NotIncoming> {
        if self.count(tree.function(node).key) == 0 {
            return Err(NotIncoming);
        }

        let mut forgotten = 0;
        for function in tree.path(node).iter() {
            match self.left.get_mut(&function.key) {
                Some(count) if *count > 0 => *count -= 1,
                _ => forgotten += 1,
            }
        }
        Ok(forgotten)
    }
}

/// A handover of some functions of `tree`, with any counts, and free entries between them.
fn handover(tree: &Tree, counts: &[u16]) -> (Block, Model) {
    let mut block = Block::for_devices(counts.len());
    let mut model = Model::default();

    for (node, &count) in iter::zip(tree.nodes(), counts) {
        let key = tree.function(node).key;

        block = block.entry(node, key.domain(), key.bdf(), count);
        if count > 0 {
            model.left.insert(key, count);
        }
    }
    (block, model)
}

fn compare(core: &Core, tree: &Tree, model: &Model) {
    let entry = |(dev, arrival): (DevSer, Arrival)| {
        let Arrival { found, bridge, .. } = arrival;
        (dev.key(), (dev.refcount, found, bridge))
    };
    let listed: BTreeMap<_, _> = core.iter().map(entry).collect();
    let nr_listed = core.iter().count();

    assert_eq!(nr_listed, model.left.len(), "each is listed once");
    for Function { key, bridge } in tree.nodes().map(|node| tree.function(node)) {
        let (found, known) = (model.found.contains(&key), model.known.contains(&key));
        let expected = model.left.get(&key).map(|&c| (c, found, bridge && known));

        assert_eq!(listed.get(&key).copied(), expected, "the entry of {key}");
        assert_eq!(core.count(key), model.count(key));
        assert_eq!(core.contains(key), model.count(key) > 0);
    }
    assert_eq!(core.is_finished(), model.left.values().all(|&c| c == 0));
}

proptest! {
    #![proptest_config(cases::config(cases::MODEL))]

    #[test]
    fn after_each_step_the_counts_are_those_of_the_model(
        tree in trees(12),
        counts in vec(prop_oneof![0..4u16, Just(u16::MAX)], 12),
        steps in vec(prop_oneof![
            any::<Index>().prop_map(Step::Arrive),
            any::<Index>().prop_map(Step::Depart),
            any::<Index>().prop_map(Step::Finish),
        ], 1..40),
    ) {
        let (block, mut model) = handover(&tree, &counts);
        let mut core = Core::decode(block.folio(), Map::default()).expect("it is right");
        let node = |any: &Index| any.index(tree.nodes().len());

        compare(&core, &tree, &model);
        for step in &steps {
            match step {
                Step::Arrive(any) => {
                    let function = tree.function(node(any));
                    assert_eq!(core.arrive(function), model.arrive(function.key));
                }
                Step::Depart(any) => {
                    let key = tree.function(node(any)).key;
                    core.depart(key);
                    model.depart(key);
                }
                Step::Finish(any) => {
                    let result = core.finish(&tree.path(node(any)));
                    assert_eq!(result, model.finish(&tree, node(any)));
                }
            }
            compare(&core, &tree, &model);
        }
    }
}
