// SPDX-License-Identifier: GPL-2.0

//! What one kernel preserves is what the next one finds, and can finish.

use pci_liveupdate_host::{
    abi::Key,
    cases,
    folio::Folio,
    logic::{
        Arrival,
        Incoming, //
    },
    map::Map,
    pair::Core,
    tree::{
        trees,
        Tree, //
    },
};
use proptest::{
    collection::vec,
    prelude::*, //
};
use std::collections::BTreeMap;

type Next = Incoming<Folio, Map<Arrival>>;

/// A tree, and which of its functions are preserved, in which order they are, and in which they
/// are finished.
fn plans() -> impl Strategy<Value = (Tree, Vec<usize>, Vec<usize>)> {
    trees(16).prop_flat_map(|tree| {
        let nodes: Vec<_> = tree.nodes().collect();
        let chosen = proptest::sample::subsequence(nodes.clone(), 0..=nodes.len());

        chosen.prop_flat_map(move |chosen| {
            let tree = Just(tree.clone());
            (
                tree,
                Just(chosen.clone()).prop_shuffle(),
                Just(chosen).prop_shuffle(),
            )
        })
    })
}

proptest! {
    #![proptest_config(cases::config(cases::HANDOVER))]

    #[test]
    fn everything_arrives_and_can_be_finished_in_any_order(
        (tree, preserved, finished) in plans(),
        changed in vec(any::<proptest::sample::Index>(), 0..4),
    ) {
        let mut core = Core::new(Folio::new(4096, &[]), Map::default());
        for &node in &preserved {
            assert_eq!(core.preserve(&tree.path(node)), Ok(()));
        }
        // Some change their mind twice, which shuffles the entries.
        for node in changed.iter().filter(|_| !preserved.is_empty()) {
            let path = tree.path(*node.get(&preserved));
            assert_eq!(core.unpreserve(&path), Ok(()));
            assert_eq!(core.preserve(&path), Ok(()));
        }
        let sent: BTreeMap<Key, u16> = core.iter().map(|(d, _)| (d.key(), d.refcount)).collect();

        let bytes = core.into_ser().as_bytes().to_vec();
        let mut next = Next::decode(Folio::new(4096, &bytes), Map::default()).expect("it is right");
        let got: BTreeMap<Key, u16> = next.iter().map(|(d, _)| (d.key(), d.refcount)).collect();
        prop_assert_eq!(sent, got);

        for node in tree.nodes() {
            let function = tree.function(node);
            prop_assert_eq!(next.arrive(function), next.contains(function.key));
        }
        for &node in &finished {
            prop_assert!(!next.is_finished());
            prop_assert_eq!(next.finish(&tree.path(node)), Ok(0));
        }
        prop_assert!(next.is_finished());
        prop_assert!(tree.nodes().all(|node| !next.contains(tree.function(node).key)));
    }
}
