// SPDX-License-Identifier: GPL-2.0

//! Random functions arrive, depart and are finished, and are compared with a model after each step.

use pci_liveupdate_host::{
    abi::identity::Identity,
    block::Block,
    cases,
    logic::Function,
    map::Map,
    receive::receive,
    received::Received,
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
use std::iter;

/// What the next kernel does with a function.
#[derive(Clone, Debug)]
enum Step {
    Arrive(Index),
    Depart(Index),
    Finish(Index),
}

/// A handover of some functions of `tree`, with any counts, and free entries between them.
fn handover<'a>(tree: &'a Tree, counts: &[u16]) -> Received<'a> {
    let mut block = Block::for_devices(counts.len());
    let mut used = Vec::new();

    for ((at, node), &count) in iter::zip((0u32..).zip(tree.nodes()), counts) {
        let key = node.key();

        block = block.entry(node.nr(), key.domain(), key.bdf(), count);
        if count > 0 {
            used.push((node.nr(), at, count));
        }
    }
    let core = receive(&block.folio(), Map::default()).expect("it is right");
    Received::new(tree, core, used)
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
        let any_card = Identity::default();
        let mut received = handover(&tree, &counts);

        received.compare();
        for node in tree.nodes().filter(|_| boots) {
            received.arrive(node, &any_card);
        }
        received.compare();
        for step in &steps {
            match step {
                Step::Arrive(any) => received.arrive(tree.pick(any), &any_card),
                Step::Depart(any) => received.depart(tree.pick(any)),
                Step::Finish(any) => received.finish(tree.pick(any)),
            }
            received.compare();
        }
    }
}
