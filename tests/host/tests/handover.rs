// SPDX-License-Identifier: GPL-2.0

//! What one kernel preserves, the next one finds and can finish, while it preserves for a third.

use pci_liveupdate_host::{
    abi::Key,
    cases,
    folio::Folio,
    logic::Function,
    map::Map,
    receive::receive,
    recorder::{
        outgoing,
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
    sample::{
        subsequence,
        Index, //
    },
};
use std::collections::BTreeMap;

/// A tree, and which of its functions are preserved, in which order they are, and in which they
/// are finished.
fn plans() -> impl Strategy<Value = (Tree, Vec<usize>, Vec<usize>)> {
    trees(16).prop_flat_map(|tree| {
        let nodes: Vec<_> = tree.nodes().map(|node| node.nr()).collect();
        let chosen = subsequence(nodes.clone(), 0..=nodes.len());

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

/// What a kernel tells the next one about.
fn sent(core: &Core) -> BTreeMap<Key, u16> {
    let entries = core.iter().map(|entry| entry.ser);

    entries.map(|ser| (ser.key(), ser.refcount)).collect()
}

/// Preserves all of `nrs`. Some are unpreserved in between, which leaves free entries behind.
fn preserve(tree: &Tree, nrs: &[usize], again: &[Index]) -> Core {
    let mut core = outgoing(Folio::new(4096, &[]));

    for &nr in nrs {
        assert_eq!(core.preserve(tree.node(nr)), Ok(()));
    }
    let again: Vec<_> = match nrs {
        [] => Vec::new(),
        nrs => again.iter().map(|any| tree.node(*any.get(nrs))).collect(),
    };
    let dropped: Vec<_> = again
        .into_iter()
        .filter(|node| core.unpreserve(*node).is_ok())
        .collect();
    for node in dropped {
        assert_eq!(core.preserve(node), Ok(()));
    }
    core
}

proptest! {
    #![proptest_config(cases::config(cases::HANDOVER))]

    #[test]
    fn everything_arrives_and_can_be_finished_in_any_order(
        (tree, preserved, finished) in plans(),
        again in vec(any::<Index>(), 0..4),
    ) {
        let core = preserve(&tree, &preserved, &again);
        let mut next = receive(core.table().memory(), Map::default()).expect("it is right");
        let got: BTreeMap<Key, u16> = next.iter().map(|e| (e.key, e.refcount)).collect();
        prop_assert_eq!(&sent(&core), &got);

        let tree = tree.rebooted();
        for node in tree.nodes() {
            prop_assert_eq!(next.arrive(node), got.contains_key(&node.key()));
        }
        let mut third = outgoing(Folio::new(4096, &[]));
        for &nr in &finished {
            prop_assert!(!next.is_finished());
            prop_assert_eq!(third.preserve(tree.node(nr)), Ok(()));
            prop_assert_eq!(next.finish(tree.node(nr)), Ok(0));
        }
        prop_assert!(next.is_finished());
        prop_assert!(tree.nodes().all(|node| node.incoming().is_none()));
        prop_assert_eq!(third.table().check(), Ok(()));
        prop_assert_eq!(sent(&third), got);
    }
}
