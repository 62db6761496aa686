// SPDX-License-Identifier: GPL-2.0

//! The record of what each function is: any bytes have a result, and another device is told from
//! the same one in another state.

use pci_liveupdate_host::{
    abi::{
        identity::{
            check,
            Damaged,
            Identity,
            Record, //
        },
        Key,
    },
    block::Block,
    logic::{
        differences,
        late_differences,
        recognize,
        NotIncoming, //
    },
    map::Map,
    receive::{
        receive,
        Core, //
    },
    record::CARD,
    tree::Tree, //
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::Index, //
};
use zerocopy::{
    FromBytes,
    IntoBytes, //
};

/// Bytes of an entry.
const SIZE: usize = 32;

/// A Root Port.
const PORT: Identity = Identity {
    bdf: 0x0010,
    flags: Identity::USED | Identity::DMA | Identity::ARI,
    header_type: 1,
    class_revision: 0x0604_0000,
    buses: [0, 4, 7],
    subsystem_vendor: 0,
    subsystem: 0,
    acs_ctrl: 0,
    ..CARD
};

/// Memory for a record, in words, so that it is aligned.
fn memory(entries: usize) -> Vec<u64> {
    vec![0; (Record::HEADER + entries * SIZE) / 8]
}

fn record(memory: &[u64]) -> &Record {
    Record::ref_from_bytes(memory.as_bytes()).expect("words of whole entries")
}

fn record_mut(memory: &mut [u64]) -> &mut Record {
    Record::mut_from_bytes(memory.as_mut_bytes()).expect("words of whole entries")
}

/// A record with these entries, in memory for one more.
fn written(entries: &[Identity]) -> Vec<u64> {
    let mut memory = memory(entries.len() + 1);
    let record = record_mut(&mut memory);

    record.max_nr = u32::try_from(record.entries.len()).expect("few");
    for (nr, entry) in (0..).zip(entries) {
        record.put(nr, *entry);
    }
    memory
}

/// The indexes of the used entries, or why there are none.
fn used(memory: &[u64]) -> Result<Vec<usize>, Damaged> {
    Ok(check(record(memory))?.map(|(nr, _)| nr).collect())
}

/// What is wrong with a record after `damage`.
fn damaged(damage: impl FnOnce(&mut Record)) -> (Damaged, String) {
    let mut memory = written(&[CARD, PORT]);

    damage(record_mut(&mut memory));
    let damaged = used(&memory).expect_err("it is damaged");
    (damaged, damaged.to_string())
}

#[test]
fn what_was_written_is_read() {
    let memory = written(&[CARD, PORT]);
    let bytes = memory.as_bytes();

    assert_eq!(used(&memory), Ok(vec![0, 1]));
    // Not by the types, but by offsets.
    assert_eq!(bytes[..8], [3, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(
        bytes[8..8 + SIZE],
        [
            0, 0, 0, 0, 0x00, 0x04, 0x07, 0, 0x86, 0x80, 0xd3, 0x10, 0x86, 0x80, 0x1f, 0xa0, 3, 0,
            0, 2, 0x1d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
        ]
    );
    assert_eq!(bytes[8 + SIZE + 22..][..3], [0, 4, 7]);
}

#[test]
fn each_kind_of_damage_is_named_with_its_offset() {
    let unknown = "expected known flags and zeros, found others";

    for (damage, text) in [
        (
            (|it| it.max_nr = 4) as fn(&mut Record),
            "at offset 0: expected max_nr <= 3, found 4",
        ),
        (
            |it| it.max_nr = u32::MAX,
            "at offset 0: expected max_nr <= 3, found 4294967295",
        ),
        (
            |it| it.nr = 3,
            "at offset 4: expected nr = 2, the used entries, found 3",
        ),
        (
            |it| it.max_nr = 1,
            "at offset 4: expected nr = 1, the used entries, found 2",
        ),
        (
            |it| it.entries[1].flags |= 0x80,
            &format!("at offset {}: {unknown}", 8 + SIZE),
        ),
        (
            |it| it.entries[0].flags &= !Identity::USED,
            &format!("at offset 8: {unknown}"),
        ),
        (
            |it| it.entries[0].reserved[6] = 1,
            &format!("at offset 8: {unknown}"),
        ),
    ] {
        assert_eq!(damaged(damage).1, text);
    }
}

#[test]
fn what_is_free_means_nothing() {
    let mut memory = written(&[CARD, PORT]);
    let record = record_mut(&mut memory);

    record.entries[2] = Identity {
        flags: 0,
        reserved: [0xff; 7],
        ..CARD
    };
    assert_eq!(used(&memory), Ok(vec![0, 1]));
}

/// A core that got the card behind the port.
fn incoming() -> (Tree, Core) {
    let mut tree = Tree::default();
    let port = tree.add(PORT.key(), true, None);
    tree.add(CARD.key(), false, Some(port));
    let block = Block::for_devices(2)
        .entry(0, 0, CARD.bdf, 1)
        .entry(1, 0, PORT.bdf, 1);

    let core = receive(&block.folio(), Map::default()).expect("it is sound");
    (tree, core)
}

#[test]
fn a_record_is_of_the_functions_that_are_listed_each_once() {
    let (_, mut core) = incoming();
    let other = Identity {
        bdf: 0x0401,
        ..CARD
    };
    let key = Key::new(0, 0x0400);

    assert_eq!(core.identify(0, &CARD), Ok(()));
    assert_eq!(core.identify(1, &PORT), Ok(()));
    let again = core.identify(2, &CARD);
    assert_eq!(again, Err(Damaged::Repeated { nr: 2, key }));
    assert_eq!(
        again.unwrap_err().to_string(),
        "at offset 72: expected each function once, found 0000:04:00.0 again"
    );
    assert_eq!(
        core.identify(3, &other).unwrap_err().to_string(),
        "at offset 104: expected a preserved function, found 0000:04:00.1"
    );

    core.forget_identities();
    assert!(core.iter().all(|entry| entry.expected.is_none()));
}

#[test]
fn another_device_is_not_incoming_and_the_right_one_is_later() {
    let (tree, mut core) = incoming();
    let card = tree.node(1);
    let other = Identity {
        device: 0x10d4,
        ..CARD
    };

    core.identify(0, &CARD).expect("it is listed");
    assert!(core.arrive(card));
    let why = core.recognize(card, &other).expect_err("it is another one");
    assert_eq!(
        why.to_string(),
        "expected 8086:10d3 class 0x020000 header type 0x00, \
         found 8086:10d4 class 0x020000 header type 0x00"
    );
    assert_eq!(core.finish(card), Err(NotIncoming));
    assert!(core
        .iter()
        .any(|entry| !entry.found && entry.seen == Some(other)));

    assert!(core.arrive(card));
    assert_eq!(core.recognize(card, &CARD), Ok(Some(CARD)));
    assert_eq!(
        core.seen(card).map(|(is, seen)| (*is, *seen)),
        Some((CARD, CARD))
    );
}

#[test]
fn without_a_record_any_device_is_recognized() {
    let (tree, mut core) = incoming();
    let card = tree.node(1);

    assert!(core.arrive(card));
    assert_eq!(core.recognize(card, &PORT), Ok(None));
    assert!(core.seen(card).is_none());
}

#[test]
fn four_values_make_another_device_and_no_other_does() {
    let same = |change: fn(&mut Identity)| {
        let mut found = CARD;
        change(&mut found);
        recognize(&CARD, &found).is_ok()
    };

    assert!(!same(|it| it.vendor ^= 1));
    assert!(!same(|it| it.device ^= 0x8000));
    assert!(!same(|it| it.class_revision ^= 0x100));
    assert!(!same(|it| it.class_revision ^= 0x8000_0000));
    assert!(!same(|it| it.header_type ^= 1));

    assert!(same(|it| it.class_revision ^= 0xff));
    assert!(same(|it| it.subsystem_vendor ^= 1));
    assert!(same(|it| it.subsystem ^= 1));
    assert!(same(|it| it.acs_ctrl ^= 1));
    assert!(same(|it| it.buses[1] ^= 1));
    assert!(same(|it| it.flags = Identity::USED));
}

#[test]
fn each_difference_is_told() {
    let told = |expected: &Identity, change: fn(&mut Identity)| {
        let mut found = *expected;
        change(&mut found);
        differences(expected, &found)
            .chain(late_differences(expected, &found))
            .map(|difference| difference.to_string())
            .collect::<Vec<_>>()
    };

    for (expected, change, text) in [
        (
            &CARD,
            (|it| it.class_revision = 0x0200_0010) as fn(&mut Identity),
            "expected revision 0x03, found 0x10",
        ),
        (
            &CARD,
            |it| it.subsystem = 1,
            "expected subsystem 8086:a01f, found 8086:0001",
        ),
        (
            &PORT,
            |it| it.buses = [0, 5, 7],
            "expected buses [00, 04, 07], found [00, 05, 07]",
        ),
        (
            &CARD,
            |it| it.set(Identity::DMA, false),
            "expected Bus Master set, found it clear",
        ),
        (
            &CARD,
            |it| it.acs_ctrl = 0,
            "expected ACS Control 0x001d, found ACS Control 0x0000",
        ),
        (
            &CARD,
            |it| it.set(Identity::ACS, false),
            "expected ACS Control 0x001d, found no ACS",
        ),
        (
            &PORT,
            |it| it.set(Identity::ARI, false),
            "expected ARI Forwarding on, found it off",
        ),
    ] {
        assert_eq!(told(expected, change), [text]);
    }
    assert_eq!(told(&CARD, |_| {}), [""; 0]);
    // Whoever was stopped may have been started by firmware.
    let stopped = Identity {
        flags: Identity::USED,
        ..CARD
    };
    assert_eq!(told(&stopped, |it| it.set(Identity::DMA, true)), [""; 0]);
}

#[test]
fn flags_are_set_and_cleared_one_by_one() {
    let mut entry = Identity {
        flags: Identity::USED,
        ..CARD
    };

    entry.set(Identity::ACS, true);
    assert_eq!(entry.flags, Identity::USED | Identity::ACS);
    entry.set(Identity::ACS, true);
    assert_eq!(entry.flags, Identity::USED | Identity::ACS);
    entry.set(Identity::USED, false);
    assert_eq!(entry.flags, Identity::ACS);
}

proptest! {
    #[test]
    fn any_bytes_have_a_result(words in vec(any::<u64>(), 1..64), max in 0u32..20) {
        let whole = (words.len() * 8 - Record::HEADER) / SIZE;
        let mut memory = words[..1 + whole * SIZE / 8].to_vec();
        record_mut(&mut memory).max_nr = max;

        match used(&memory) {
            Ok(used) => prop_assert!(used.iter().all(|&nr| nr < whole)),
            Err(damaged) => prop_assert!(damaged.offset() < 8 + whole * SIZE),
        }
    }

    #[test]
    fn the_number_is_always_that_of_the_used_entries(
        steps in vec((any::<Index>(), any::<bool>()), 1..64),
        kept in any::<u8>(),
    ) {
        let mut memory = memory(8);
        record_mut(&mut memory).max_nr = 8;

        for (nr, keep) in steps {
            let nr = u32::try_from(nr.index(10)).expect("few");
            let entry = if keep { CARD } else { Identity::default() };
            record_mut(&mut memory).put(nr, entry);
            prop_assert!(used(&memory).is_ok());
        }
        let before = used(&memory).expect("as above");
        record_mut(&mut memory).retain(|nr, _| kept & 1 << nr != 0);
        let after = used(&memory).expect("it is sound");
        prop_assert_eq!(after, before.into_iter().filter(|nr| kept & 1 << nr != 0).collect::<Vec<_>>());
    }
}
