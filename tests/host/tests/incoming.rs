// SPDX-License-Identifier: GPL-2.0

//! Random functions arrive, depart and are finished, and are compared with a model after each step.

use pci_liveupdate_host::{
    block::Block,
    cases,
    logic::{
        Function,
        NotIncoming, //
    },
    map::Map,
    receive::{
        receive,
        Core, //
    },
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

/// What the next kernel does with a function.
#[derive(Clone, Debug)]
enum Step {
    Arrive(Index),
    Depart(Index),
    Finish(Index),
}

/// What is left of each count, what is incoming now, and what has arrived before.
#[derive(Default)]
struct Model {
    left: BTreeMap<usize, u16>,
    incoming: BTreeSet<usize>,
    found: BTreeSet<usize>,
    known: BTreeSet<usize>,
}

impl Model {
    fn arrive(&mut self, nr: usize) -> bool {
        if self.left.get(&nr).is_none_or(|&count| count == 0) {
            return false;
        }
        self.incoming.insert(nr);
        self.found.insert(nr);
        self.known.insert(nr);
        true
    }

    fn depart(&mut self, nr: usize) {
        if self.incoming.remove(&nr) {
            self.found.remove(&nr);
        }
    }

    fn finish(&mut self, tree: &Tree, nr: usize) -> Result<usize, NotIncoming> {
        if !self.incoming.contains(&nr) {
            return Err(NotIncoming);
        }

        let mut forgotten = 0;
        for function in tree.path(nr) {
            let left = self.left.get_mut(&function);
            match left.filter(|_| self.incoming.contains(&function)) {
                None => forgotten += 1,
                Some(count) => {
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

/// A handover of some functions of `tree`, with any counts, and free entries between them.
fn handover(tree: &Tree, counts: &[u16]) -> (Block, Model) {
    let mut block = Block::for_devices(counts.len());
    let mut model = Model::default();

    for (node, &count) in iter::zip(tree.nodes(), counts) {
        let key = node.key();

        block = block.entry(node.nr(), key.domain(), key.bdf(), count);
        if count > 0 {
            model.left.insert(node.nr(), count);
        }
    }
    (block, model)
}

fn compare(core: &Core, tree: &Tree, model: &Model) {
    let entries: Vec<_> = core.iter().collect();
    assert_eq!(entries.len(), model.left.len(), "each is listed once");

    for node in tree.nodes() {
        let (nr, key) = (node.nr(), node.key());
        let entry = entries.iter().find(|entry| entry.key == key);
        let seen = entry.map(|e| (e.refcount, usize::try_from(e.nr), e.found, e.bridge));
        let bridge = node.is_bridge() && model.known.contains(&nr);
        let expected = model.left.get(&nr);

        let expected = expected.map(|&count| (count, Ok(nr), model.found.contains(&nr), bridge));
        assert_eq!(seen, expected, "the entry of {key}");

        let own = node.incoming().map(|slot| entries[slot.index()].key);
        let expected = model.incoming.contains(&nr).then_some(key);
        assert_eq!(own, expected, "the slot of {key}");
    }
    assert_eq!(core.is_finished(), model.left.values().all(|&c| c == 0));
}

proptest! {
    #![proptest_config(cases::config(cases::MODEL))]

    #[test]
    fn after_each_step_the_counts_are_those_of_the_model(
        tree in trees(12),
        counts in vec(prop_oneof![0..4u16, Just(u16::MAX)], 12),
        boots in any::<bool>(),
        steps in vec(prop_oneof![
            1 => any::<Index>().prop_map(Step::Arrive),
            1 => any::<Index>().prop_map(Step::Depart),
            2 => any::<Index>().prop_map(Step::Finish),
        ], 1..40),
    ) {
        let (block, mut model) = handover(&tree, &counts);
        let mut core = receive(&block.folio(), Map::default()).expect("it is right");

        compare(&core, &tree, &model);
        for node in tree.nodes().filter(|_| boots) {
            assert_eq!(core.arrive(node), model.arrive(node.nr()));
        }
        compare(&core, &tree, &model);
        for step in &steps {
            match step {
                Step::Arrive(any) => {
                    let node = tree.pick(any);
                    assert_eq!(core.arrive(node), model.arrive(node.nr()));
                }
                Step::Depart(any) => {
                    let node = tree.pick(any);
                    core.depart(node);
                    model.depart(node.nr());
                }
                Step::Finish(any) => {
                    let node = tree.pick(any);
                    assert_eq!(core.finish(node), model.finish(&tree, node.nr()));
                }
            }
            compare(&core, &tree, &model);
        }
    }
}
