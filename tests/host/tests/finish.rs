// SPDX-License-Identifier: GPL-2.0

//! Taking over, arriving and finishing, one behaviour at a time.

use pci_liveupdate_host::{
    abi::{
        Corrupt,
        Key, //
    },
    block::Block,
    folio::Folio,
    logic::{
        Function,
        Index,
        NotIncoming,
        Slot, //
    },
    map::{
        Map,
        NoMemory, //
    },
    receive::{
        receive,
        Core,
        Refused, //
    },
    tree::Tree,
};

const ROOT: usize = 0;
const DISK: usize = 1;
const CARD: usize = 2;
const ALONE: usize = 3;

const BDFS: [u16; 4] = [0x0008, 0x0100, 0x0108, 0x0018];

const fn key(nr: usize) -> Key {
    Key::new(0, BDFS[nr])
}

/// Two devices below a root port, and one on a root bus that nobody preserved.
fn tree() -> Tree {
    let mut tree = Tree::default();

    assert_eq!(tree.add(key(ROOT), true, None), ROOT);
    assert_eq!(tree.add(key(DISK), false, Some(ROOT)), DISK);
    assert_eq!(tree.add(key(CARD), false, Some(ROOT)), CARD);
    assert_eq!(tree.add(key(ALONE), false, None), ALONE);
    tree
}

/// What the previous kernel says about both devices, with a free entry between them.
fn handover() -> Block {
    Block::new(4096)
        .entry(0, 0, BDFS[DISK], 1)
        .entry(1, 0, BDFS[ROOT], 2)
        .entry(3, 0, BDFS[CARD], 1)
}

fn take_over(block: &Block) -> Core {
    receive(&block.folio(), Map::default()).expect("the handover is right")
}

/// The handover after each function of `tree` was enumerated.
fn enumerated(tree: &Tree) -> Core {
    let mut core = take_over(&handover());

    for node in tree.nodes() {
        core.arrive(node);
    }
    core
}

fn count(core: &Core, nr: usize) -> u16 {
    let mut entries = core.iter().filter(|entry| entry.key == key(nr));

    entries.next().map_or(0, |entry| entry.refcount)
}

fn is_incoming(tree: &Tree, nr: usize) -> bool {
    tree.node(nr).incoming().is_some()
}

#[test]
fn a_function_that_has_a_count_is_incoming() {
    let tree = tree();
    let mut core = take_over(&handover());

    assert!([DISK, ROOT].iter().all(|&nr| core.arrive(tree.node(nr))));
    assert!(!core.arrive(tree.node(ALONE)), "nobody preserved it");
    assert!(is_incoming(&tree, DISK) && is_incoming(&tree, ROOT));
    assert!(!is_incoming(&tree, ALONE) && !core.is_finished());
}

#[test]
fn a_function_gets_the_slot_of_its_own_entry() {
    let tree = tree();
    let core = enumerated(&tree);
    let entries: Vec<_> = core.iter().collect();

    for node in [DISK, ROOT, CARD].map(|nr| tree.node(nr)) {
        let slot = node.incoming().expect("it is incoming");
        assert_eq!(entries[slot.index()].key, node.key());
    }
}

#[test]
fn a_stale_slot_is_cleared_on_a_function_that_is_not_incoming() {
    let tree = tree();
    let mut core = take_over(&handover());

    tree.node(ALONE).set_incoming(Slot::of(0));
    assert!(!core.arrive(tree.node(ALONE)));
    assert!(!is_incoming(&tree, ALONE));
}

#[test]
fn finish_gives_one_count_back_on_the_device_and_on_each_bridge_above_it() {
    let tree = tree();
    let mut core = enumerated(&tree);

    assert_eq!(core.finish(tree.node(DISK)), Ok(0));
    assert_eq!((count(&core, DISK), count(&core, ROOT)), (0, 1));
    assert!(!is_incoming(&tree, DISK) && is_incoming(&tree, ROOT));
    assert_eq!(core.finish(tree.node(CARD)), Ok(0));
    assert!(!is_incoming(&tree, ROOT) && core.is_finished());
}

#[test]
fn a_function_that_comes_back_after_finish_is_not_incoming_again() {
    let tree = tree();
    let mut core = enumerated(&tree);

    assert_eq!(core.finish(tree.node(DISK)), Ok(0));
    core.depart(tree.node(DISK));
    assert!(!core.arrive(tree.node(DISK)));
    assert_eq!(core.finish(tree.node(DISK)), Err(NotIncoming));
    assert_eq!(count(&core, ROOT), 1);
}

#[test]
fn finishing_twice_is_refused_and_changes_nothing() {
    let tree = tree();
    let mut core = enumerated(&tree);

    assert_eq!(core.finish(tree.node(DISK)), Ok(0));
    let before: Vec<_> = core.iter().copied().collect();
    assert_eq!(core.finish(tree.node(DISK)), Err(NotIncoming));
    assert!(core.iter().eq(&before));
    assert!(is_incoming(&tree, ROOT) && is_incoming(&tree, CARD));
}

#[test]
fn what_never_was_preserved_cannot_be_finished() {
    let tree = tree();
    let mut core = enumerated(&tree);
    let before: Vec<_> = core.iter().copied().collect();

    assert_eq!(core.finish(tree.node(ALONE)), Err(NotIncoming));
    assert!(core.iter().eq(&before));
}

#[test]
fn bridges_that_the_previous_kernel_forgot_are_reported() {
    let tree = tree();
    let mut core = take_over(&Block::new(4096).entry(0, 0, BDFS[DISK], 1));

    assert!(!core.arrive(tree.node(ROOT)) && core.arrive(tree.node(DISK)));
    assert_eq!(core.finish(tree.node(DISK)), Ok(1));
    assert!(core.is_finished());
}

#[test]
fn a_bridge_that_has_no_count_left_is_reported_too() {
    let tree = tree();
    let short = Block::new(4096)
        .entry(0, 0, BDFS[DISK], 1)
        .entry(1, 0, BDFS[ROOT], 1)
        .entry(2, 0, BDFS[CARD], 1);
    let mut core = take_over(&short);

    assert!([ROOT, DISK, CARD]
        .iter()
        .all(|&nr| core.arrive(tree.node(nr))));
    assert_eq!(core.finish(tree.node(DISK)), Ok(0));
    assert_eq!(core.finish(tree.node(CARD)), Ok(1));
    assert!(core.is_finished());
}

#[test]
fn what_never_arrived_is_listed_as_such() {
    let tree = tree();
    let mut core = take_over(&handover());

    assert!(core.arrive(tree.node(ROOT)) && core.arrive(tree.node(DISK)));
    let missing = core.iter().filter(|entry| !entry.found);
    assert_eq!(missing.map(|e| e.key).collect::<Vec<_>>(), [key(CARD)]);
    let bridges = core.iter().filter(|entry| entry.bridge);
    assert_eq!(bridges.map(|e| e.key).collect::<Vec<_>>(), [key(ROOT)]);
}

#[test]
fn what_goes_away_unfinished_may_come_back() {
    let tree = tree();
    let mut core = take_over(&handover());

    assert!(core.arrive(tree.node(ROOT)) && core.arrive(tree.node(DISK)));
    core.depart(tree.node(DISK));
    assert!(!is_incoming(&tree, DISK));
    assert!(core
        .iter()
        .all(|entry| entry.key != key(DISK) || !entry.found));
    assert_eq!(count(&core, DISK), 1);
    assert_eq!(core.finish(tree.node(DISK)), Err(NotIncoming));

    assert!(core.arrive(tree.node(DISK)));
    assert_eq!(core.finish(tree.node(DISK)), Ok(0));
}

#[test]
fn the_slot_of_the_other_direction_is_left_alone() {
    let tree = tree();
    let slot = Slot::of(77);

    tree.nodes().for_each(|node| node.set_outgoing(slot));
    let mut core = enumerated(&tree);
    assert_eq!(core.finish(tree.node(DISK)), Ok(0));
    core.depart(tree.node(CARD));
    assert!(tree.nodes().all(|node| node.outgoing() == slot));
}

#[test]
fn two_used_entries_of_one_function_are_refused() {
    let block = handover().entry(510, 0, BDFS[CARD], 7);
    let error = receive(&block.folio(), Map::default()).err();

    // The third entry in use is the fourth of the array.
    let repeated = Corrupt::Repeated {
        key: key(CARD),
        first: 3,
        again: 510,
    };
    assert_eq!(error, Some(Refused::Array(repeated)));
    assert_eq!(repeated.offset(), 8 + 510 * 8);
}

#[test]
fn an_index_reports_the_number_that_it_had_before() {
    let mut map = Map::default();

    assert_eq!(map.get(key(DISK)), None);
    assert_eq!(map.insert(key(DISK), 0), Ok(None));
    assert_eq!(map.insert(key(CARD), 5), Ok(None));
    assert_eq!(map.insert(key(DISK), 7), Ok(Some(0)));
    assert_eq!(map.insert(key(DISK), 8), Ok(Some(7)));
    assert_eq!((map.get(key(DISK)), map.get(key(CARD))), (Some(8), Some(5)));
}

#[test]
fn an_index_that_fails_is_not_taken_for_a_corrupt_handover() {
    for room in 0..3 {
        let error = receive(&handover().folio(), Map::with_room(room)).err();
        assert_eq!(error, Some(Refused::Full(NoMemory)));
    }
    assert!(receive(&handover().folio(), Map::with_room(3)).is_ok());
}

#[test]
fn a_handover_of_nothing_is_finished_from_the_start() {
    let core = receive(&Folio::new(4096, &[]), Map::default()).expect("it is right");

    assert!(core.is_finished());
    assert_eq!(core.iter().count(), 0);
}
