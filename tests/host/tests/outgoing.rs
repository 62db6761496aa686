// SPDX-License-Identifier: GPL-2.0

//! Preserving and giving back, against a model, over random trees and random steps.

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
    }
}

proptest! {
    #![proptest_config(cases::config(cases::CROWD))]

    #[test]
    fn near_65535_the_counts_are_those_of_the_model(
        tree in trees(8),
        room in 8..10usize,
        bridge in any::<Index>(),
        size in u16::MAX - 4..=u16::MAX,
        steps in steps(8),
    ) {
        let bridges: Vec<_> = tree.nodes().filter(|&n| tree.function(n).bridge).collect();
        prop_assume!(!bridges.is_empty());
        let mut pair = Pair::with_crowd(&tree, room, *bridge.get(&bridges), size);

        for step in &steps {
            pair.step(step);
            pair.compare();
        }
    }
}
