// SPDX-License-Identifier: GPL-2.0

//! Random devices are preserved and unpreserved, and compared with the model after each step.

use pci_liveupdate_host::{
    cases,
    pair::{
        steps,
        Pair, //
    },
    tree::trees, //
};
use proptest::{
    prelude::*,
    sample::Index, //
};

proptest! {
    #![proptest_config(cases::config(cases::MODEL))]

    #[test]
    fn after_each_step_the_counts_are_those_of_the_model(
        tree in trees(16),
        room in 0..20usize,
        steps in steps(40),
    ) {
        let mut pair = Pair::new(&tree, room);

        for step in &steps {
            pair.step(step);
            pair.compare();
        }
        pair.refill();
    }
}

proptest! {
    #![proptest_config(cases::config(cases::FILLED))]

    #[test]
    fn near_65535_the_counts_are_those_of_the_model(
        tree in trees(8),
        room in 8..10usize,
        bridge in any::<Index>(),
        fillers in u16::MAX - 4..=u16::MAX,
        steps in steps(8),
    ) {
        let bridges = tree.bridges();
        prop_assume!(!bridges.is_empty());
        let tree = tree.fill(*bridge.get(&bridges), fillers);
        let mut pair = Pair::new(&tree, room);

        for step in &steps {
            pair.step(step);
            pair.compare();
        }
        pair.refill();
    }
}
