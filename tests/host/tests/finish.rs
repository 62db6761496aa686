// SPDX-License-Identifier: GPL-2.0

//! Retrieving and finishing, sentence by sentence.

use pci_liveupdate_host::{
    abi::{
        Corrupt,
        Key, //
    },
    block::Block,
    folio::Folio,
    logic::{
        Arrival,
        DecodeError,
        Function,
        Incoming,
        NotIncoming,
        Path, //
    },
    map::{
        Map,
        NoMemory,
        Probe, //
    },
};

type Core = Incoming<Folio, Map<Arrival>>;

const fn function(bdf: u16, bridge: bool) -> Function {
    Function {
        key: Key::new(0, bdf),
        bridge,
    }
}

const ROOT: Function = function(0x0008, true);
const DISK: Function = function(0x0100, false);
const CARD: Function = function(0x0108, false);

fn below_root(device: Function) -> Path<impl Iterator<Item = Function> + Clone> {
    Path {
        device,
        above: [ROOT].into_iter(),
    }
}

/// Two devices below one root port, with a free entry between them.
fn handover() -> Block {
    Block::new(4096)
        .entry(0, 0, DISK.key.bdf(), 1)
        .entry(1, 0, ROOT.key.bdf(), 2)
        .entry(3, 0, CARD.key.bdf(), 1)
}

fn core() -> Core {
    Core::decode(handover().folio(), Map::default()).expect("the handover is right")
}

#[test]
fn a_function_that_has_a_count_is_incoming() {
    let mut core = core();

    assert!(core.arrive(DISK) && core.arrive(ROOT));
    assert!(!core.arrive(function(0x0110, false)), "it is a stranger");
    assert!(!core.is_finished());
}

#[test]
fn finish_gives_one_count_back_on_the_device_and_on_each_bridge_above_it() {
    let mut core = core();

    assert_eq!(core.finish(&below_root(DISK)), Ok(0));
    assert_eq!((core.count(DISK.key), core.count(ROOT.key)), (0, 1));
    assert!(!core.contains(DISK.key) && core.contains(ROOT.key));
    assert_eq!(core.finish(&below_root(CARD)), Ok(0));
    assert!(!core.contains(ROOT.key) && core.is_finished());
}

#[test]
fn a_function_that_comes_back_after_finish_is_not_taken_for_incoming() {
    let mut core = core();

    assert!(core.arrive(DISK));
    assert_eq!(core.finish(&below_root(DISK)), Ok(0));
    assert!(!core.arrive(DISK));
}

#[test]
fn finishing_twice_is_refused_and_changes_nothing() {
    let mut core = core();

    assert_eq!(core.finish(&below_root(DISK)), Ok(0));
    assert_eq!(core.finish(&below_root(DISK)), Err(NotIncoming));
    assert_eq!(core.count(ROOT.key), 1);
}

#[test]
fn bridges_that_the_previous_kernel_forgot_are_told() {
    let forgetful = Block::new(4096).entry(0, 0, DISK.key.bdf(), 1);
    let mut core = Core::decode(forgetful.folio(), Map::default()).expect("it is right");

    assert_eq!(core.finish(&below_root(DISK)), Ok(1));
    assert!(core.is_finished());
}

#[test]
fn what_never_arrived_is_listed_as_such() {
    let mut core = core();

    assert!(core.arrive(ROOT) && core.arrive(DISK));
    let missing: Vec<_> = core.iter().filter(|(_, arrival)| !arrival.found).collect();
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].0.key(), CARD.key);
}

#[test]
fn what_goes_away_unfinished_may_come_back() {
    let mut core = core();

    assert!(core.arrive(DISK));
    core.depart(DISK.key);
    assert!(core.iter().all(|(_, arrival)| !arrival.found));
    assert_eq!(core.count(DISK.key), 1);
    assert!(core.arrive(DISK));
}

#[test]
fn two_used_entries_of_one_function_are_refused() {
    let block = handover().entry(510, 0, DISK.key.bdf(), 7);
    let error = Core::decode(block.folio(), Map::default()).err();

    let repeated = Corrupt::Repeated {
        key: DISK.key,
        first: 0,
        again: 510,
    };
    assert_eq!(error, Some(DecodeError::Corrupt(repeated)));
    assert_eq!(repeated.offset(), 8 + 510 * 8);
}

#[test]
fn an_index_that_fails_is_not_taken_for_a_corrupt_handover() {
    for fuse in 0..3 {
        let probe = Probe::default();

        probe.set_fuse(Some(fuse));
        let error = Core::decode(handover().folio(), Map::new(&probe)).err();
        assert_eq!(error, Some(DecodeError::Index(NoMemory)));
    }
}

#[test]
fn a_handover_of_nothing_is_finished_from_the_start() {
    let core = Core::decode(Folio::new(4096, &[]), Map::default()).expect("it is right");

    assert!(core.is_finished());
    assert_eq!(core.iter().count(), 0);
}
