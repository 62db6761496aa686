// SPDX-License-Identifier: GPL-2.0

//! Bridges above the devices of a kernel that did not count them.

use pci_liveupdate_host::{
    abi::Key,
    image::Image,
    logic::{
        Function,
        Range, //
    },
    map::Map,
    receive::{
        receive_list,
        Core, //
    },
    tree::Tree,
};

const ROOT: usize = 0;
const PORT: usize = 1;
const OTHER: usize = 2;
const DISK: usize = 3;
const CARD: usize = 4;

/// Bridge, first and last bus behind it.
const BRIDGES: [(usize, u8, u8); 3] = [(ROOT, 1, 3), (PORT, 2, 2), (OTHER, 3, 3)];

/// A root port, two ports below it on bus 1, of which one leads to two devices on bus 2.
fn tree() -> Tree {
    let mut tree = Tree::default();
    let key = |bdf| Key::new(0, bdf);

    tree.add(key(0x0008), true, None);
    tree.add(key(0x0100), true, Some(ROOT));
    tree.add(key(0x0108), true, Some(ROOT));
    tree.add(key(0x0200), false, Some(PORT));
    tree.add(key(0x0201), false, Some(PORT));
    tree
}

/// What a kernel hands over in version 1 that preserves the two devices, and one on bus 2 of
/// another segment.
fn handed_over() -> Core {
    let image = Image::list(0, &[3])
        .version(1)
        .entry(0, 0, 0, 0x0200, 1)
        .entry(0, 1, 0, 0x0201, 1)
        .entry(0, 2, 1, 0x0210, 1);

    receive_list(image.head(), &image, Map::default()).expect("it is right")
}

/// All functions of `tree` are enumerated.
fn enumerate(core: &mut Core, tree: &Tree) {
    for node in tree.nodes() {
        let bridge = BRIDGES.iter().find(|(nr, ..)| *nr == node.nr());
        if let Some(&(_, first, last)) = bridge {
            assert_eq!(core.count_bridge(node, Range { first, last }), Ok(()));
        }
        core.arrive(node);
    }
}

#[test]
fn a_bridge_is_incoming_as_often_as_there_are_devices_behind_it() {
    let (mut core, tree) = (handed_over(), tree());
    enumerate(&mut core, &tree);
    let counts: Vec<_> = tree.nodes().map(|node| core.count(node.key())).collect();

    assert!(!core.counts_bridges());
    assert_eq!(counts, [Some(2), Some(2), None, Some(1), Some(1)]);
    let incoming: Vec<_> = tree.nodes().map(|node| node.incoming().is_some()).collect();
    assert_eq!(incoming, [true, true, false, true, true]);
}

#[test]
fn a_bridge_is_finished_with_the_last_device_behind_it() {
    let (mut core, tree) = (handed_over(), tree());
    enumerate(&mut core, &tree);

    assert_eq!(core.finish(tree.node(DISK)), Ok(0));
    assert!(tree.node(ROOT).incoming().is_some());
    assert_eq!(core.finish(tree.node(CARD)), Ok(0));
    assert!(tree.nodes().all(|node| node.incoming().is_none()));
    assert!(!core.is_finished(), "the third device has not shown up");
}

#[test]
fn a_bridge_that_comes_back_keeps_its_count() {
    let (mut core, tree) = (handed_over(), tree());
    enumerate(&mut core, &tree);

    assert_eq!(core.finish(tree.node(DISK)), Ok(0));
    for node in tree.nodes() {
        core.depart(node);
    }
    enumerate(&mut core, &tree);
    assert_eq!(core.count(tree.node(ROOT).key()), Some(1));
    assert_eq!(core.finish(tree.node(CARD)), Ok(0));
    assert!(tree.nodes().all(|node| node.incoming().is_none()));
}

#[test]
fn a_bridge_with_numbers_that_mean_nothing_is_not_counted() {
    let (mut core, tree) = (handed_over(), tree());
    let root = tree.node(ROOT);

    for (first, last) in [(0, 0), (3, 1), (4, 255)] {
        assert_eq!(core.count_bridge(root, Range { first, last }), Ok(()));
        assert!(!core.arrive(root));
    }
}

#[test]
fn a_list_of_version_2_counts_bridges_itself() {
    let image = Image::list(0, &[1]).entry(0, 0, 0, 0x0200, 1);
    let core = receive_list(image.head(), &image, Map::default());

    assert!(core.is_ok_and(|core| core.counts_bridges()));
}

#[test]
fn a_bridge_that_there_is_no_memory_for_is_not_incoming() {
    let image = Image::list(0, &[1]).version(1).entry(0, 0, 0, 0x0200, 1);
    let mut core = receive_list(image.head(), &image, Map::with_room(1)).expect("it is right");
    let tree = tree();
    let root = tree.node(ROOT);

    let behind = Range { first: 1, last: 3 };
    assert!(core.count_bridge(root, behind).is_err());
    assert!(!core.arrive(root));
    assert!(core
        .iter()
        .all(|arrival| arrival.key != root.key() || !arrival.is_unfinished()));
    assert!(core.arrive(tree.node(DISK)));
    assert_eq!(core.finish(tree.node(DISK)), Ok(2));
    assert!(core.is_finished());
}
