// SPDX-License-Identifier: GPL-2.0

//! Records as a kernel writes them are those in `abi/golden/identity/`, and a damaged one leaves
//! the list of devices as if there was none.

use pci_liveupdate_host::{
    abi::{
        identity::{
            Damaged,
            Identity, //
        },
        Key,
    },
    cases,
    folio::{
        Folio,
        PAGE, //
    },
    golden::Set,
    logic::{
        differences,
        late_differences,
        recognize,
        Arrival, //
    },
    receive::Core,
    record::{
        self,
        naive::{
            self,
            is_same, //
        },
        text::{
            self,
            core_of, //
        },
        Block,
        Entry,
        CARD, //
    },
    tree::Tree, //
};
use proptest::{
    array::uniform32,
    collection::{
        btree_set,
        vec, //
    },
    prelude::*,
    sample::Index, //
};
use std::collections::BTreeSet;
use zerocopy::{
    FromBytes,
    IntoBytes, //
};

/// A port of the switch.
const PORT: Identity = Identity {
    bdf: 0x0308,
    header_type: 1,
    vendor: 0x104c,
    device: 0x8232,
    subsystem_vendor: 0,
    subsystem: 0,
    class_revision: 0x0604_0002,
    buses: [3, 4, 4],
    ..CARD
};

/// Three devices behind a switch, in the order in which preserving them adds them to the list.
const SWITCH: [Identity; 7] = [
    CARD,
    PORT,
    Identity {
        bdf: 0x0200,
        flags: Identity::USED | Identity::DMA,
        acs_ctrl: 0,
        buses: [2, 3, 5],
        ..PORT
    },
    Identity {
        bdf: 0x0010,
        flags: Identity::USED | Identity::DMA,
        vendor: 0x1b36,
        device: 0x000c,
        class_revision: 0x0604_0000,
        acs_ctrl: 0,
        buses: [0, 2, 5],
        ..PORT
    },
    Identity {
        bdf: 0x0500,
        ..CARD
    },
    Identity {
        bdf: 0x0310,
        flags: PORT.flags | Identity::ARI,
        acs_ctrl: 0,
        buses: [3, 5, 5],
        ..PORT
    },
    Identity {
        bdf: 0x0501,
        flags: Identity::USED,
        device: 0x1520,
        acs_ctrl: 0,
        ..CARD
    },
];

#[test]
fn what_is_written_of_three_devices_behind_a_switch_is_the_blob_of_that_name() {
    let blobs = Set::Record.blobs();
    let blob = blobs.iter().find(|blob| blob.name == "switch");
    let mut folio = Folio::new(PAGE, &[]);
    let record = record::of_mut(&mut folio);

    record.max_nr = 127;
    // Functions are shut down in an order of their own, and some are written twice.
    for nr in (0..SWITCH.len()).rev().chain(0..2) {
        record.put(u32::try_from(nr).expect("few"), SWITCH[nr]);
    }
    assert_eq!(
        folio.as_bytes(),
        blob.expect("there is one").memory(),
        "{}",
        text::of(&folio)
    );
}

/// A function of two segments, on a few buses.
fn keys() -> impl Strategy<Value = (u32, u16)> {
    (0u32..2, 0u16..8)
}

/// A list of devices, and a sound record of some of them.
fn handovers() -> impl Strategy<Value = (BTreeSet<(u32, u16)>, Block)> {
    btree_set(keys(), 1..10).prop_flat_map(|listed| {
        let recorded = vec(any::<(u8, [u8; 17])>(), listed.len());

        recorded.prop_map(move |recorded| {
            let entries = listed.iter().zip(recorded).enumerate();
            let block = entries.fold(
                Block::new(8 + 12 * Entry::SIZE),
                |block, (nr, (&(domain, bdf), (flags, values)))| {
                    // Each fourth one is free.
                    let used = u8::from(flags & 0xc0 != 0);
                    let entry = Entry::new(bdf).domain(domain).put(8, &values);
                    block.entry(nr, entry.flags((flags & 0x0e | 1) * used))
                },
            );
            (listed.clone(), block)
        })
    })
}

fn core(listed: &BTreeSet<(u32, u16)>) -> Core {
    core_of(listed.iter().map(|&(domain, bdf)| Key::new(domain, bdf)))
}

fn state(core: &Core) -> Vec<Arrival> {
    core.iter().copied().collect()
}

/// What damages a record.
#[derive(Clone, Debug)]
enum Damage {
    Capacity(u32),
    Count(u32),
    Unknown(Index, u8),
    Unused(Index),
    Reserved(Index, Index),
    Unlisted,
    Repeated(Index),
}

fn damages() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (13u32..).prop_map(Damage::Capacity),
        (1u32..).prop_map(Damage::Count),
        (any::<Index>(), 1u8..16).prop_map(|(nr, high)| Damage::Unknown(nr, high << 4)),
        any::<Index>().prop_map(Damage::Unused),
        any::<(Index, Index)>().prop_map(|(nr, byte)| Damage::Reserved(nr, byte)),
        Just(Damage::Unlisted),
        any::<Index>().prop_map(Damage::Repeated),
    ]
}

/// A record that is damaged, if it has what the damage takes: a used entry.
fn damaged(block: &Block, damage: &Damage) -> Option<Block> {
    let bytes = block.bytes();
    let entry = |nr: usize| &bytes[8 + Entry::SIZE * nr..][..Entry::SIZE];
    let used: Vec<_> = (0..12).filter(|&nr| entry(nr)[6] != 0).collect();
    let pick = |any: &Index| (!used.is_empty()).then(|| used[any.index(used.len())]);
    let flags = |nr: usize| entry(nr)[6];
    let put = |nr: usize, at: usize, byte: u8| {
        let block = block.clone();
        Some(block.put(8 + Entry::SIZE * nr + at, &[byte]))
    };
    let nr = u32::try_from(used.len()).expect("few");

    match damage {
        Damage::Capacity(max) => Some(block.clone().max(*max)),
        Damage::Count(more) => Some(block.clone().nr(nr.wrapping_add(*more))),
        Damage::Unknown(any, high) => pick(any).and_then(|nr| put(nr, 6, flags(nr) | high)),
        Damage::Unused(any) => pick(any).and_then(|nr| put(nr, 6, flags(nr) & !1 | 2)),
        Damage::Reserved(any, byte) => pick(any).and_then(|nr| put(nr, 25 + byte.index(7), 1)),
        Damage::Unlisted => Some(block.clone().entry(11, Entry::new(8))),
        Damage::Repeated(any) => {
            let again = pick(any).map(entry)?;
            Some(block.clone().nr(nr + 1).put(8 + Entry::SIZE * 11, again))
        }
    }
}

/// What enumeration and finish make of each function, whatever it is.
fn goes_on(core: &mut Core, listed: &BTreeSet<(u32, u16)>, found: &Identity) -> Vec<String> {
    let mut tree = Tree::default();
    for &(domain, bdf) in listed {
        tree.add(Key::new(domain, bdf), false, None);
    }

    let seen = tree.nodes().map(|node| {
        let arrived = core.arrive(node);
        let recognized = core.recognize(node, found);
        let seen = core.seen(node).is_some();
        format!("{arrived} {recognized:?} {seen} {:?}", core.finish(node))
    });
    seen.collect()
}

fn identity_of(bytes: &[u8; 32]) -> Identity {
    Identity::read_from_bytes(bytes).expect("it is an entry")
}

proptest! {
    #![proptest_config(cases::config(cases::DETAIL))]

    #[test]
    fn a_damaged_record_leaves_the_list_as_if_there_was_none(
        (listed, block) in handovers(),
        damage in damages(),
        found in uniform32(any::<u8>()),
    ) {
        let Some(block) = damaged(&block, &damage) else {
            return Ok(());
        };
        let (mut with, mut without) = (core(&listed), core(&listed));
        let why = with.take_record(record::of(&block.folio()));

        let kind_is_right = match (why, &damage) {
            (Err(Damaged::Capacity { .. }), Damage::Capacity(_)) => true,
            (Err(Damaged::Miscounted { .. }), Damage::Count(_)) => true,
            (Err(Damaged::Unknown { .. }), _) => {
                matches!(damage, Damage::Unknown(..) | Damage::Unused(_) | Damage::Reserved(..))
            }
            (Err(Damaged::Unlisted { .. }), Damage::Unlisted) => true,
            (Err(Damaged::Repeated { .. }), Damage::Repeated(_)) => true,
            _ => false,
        };
        prop_assert!(kind_is_right, "{:?}: {:?}", damage, why);
        prop_assert_eq!(state(&with), state(&without));
        let found = identity_of(&found);
        prop_assert_eq!(
            goes_on(&mut with, &listed, &found),
            goes_on(&mut without, &listed, &found)
        );
        prop_assert_eq!(state(&with), state(&without));
        prop_assert!(with.is_finished());
    }

    #[test]
    fn a_sound_record_tells_of_each_of_its_functions_and_of_no_other((listed, block) in handovers()) {
        let folio = block.folio();
        let mut core = core(&listed);

        prop_assert_eq!(core.take_record(record::of(&folio)), Ok(()));
        let told = core.iter().filter_map(|entry| entry.expected.map(|it| (entry.key, it)));
        let told: Vec<_> = told.map(|(key, it)| (key.domain(), key.bdf(), it.as_bytes().to_vec())).collect();
        let used = block.bytes()[8..].chunks(Entry::SIZE).filter(|entry| entry[6] != 0);
        let used: Vec<_> = used.map(|entry| {
            let fields = naive::fields(entry);
            (fields.domain, fields.bdf, entry.to_vec())
        }).collect();
        prop_assert_eq!(told, used);
    }

    #[test]
    fn a_second_reader_agrees_on_records_that_are_nearly_sound(
        (listed, block) in handovers(),
        changes in vec((any::<Index>(), any::<u8>()), 0..3),
    ) {
        let len = block.bytes().len();
        let block = changes.iter().fold(block, |block, (at, byte)| block.put(at.index(len), &[*byte]));
        let folio = block.folio();
        prop_assert_eq!(text::of(&folio), text::naive(&folio));

        let why = core(&listed).take_record(record::of(&folio));
        let naive = naive::read(block.bytes(), |domain, bdf| listed.contains(&(domain, bdf)));
        prop_assert_eq!(why.map_err(|why| why.to_string()), naive.map(|_| ()));
    }

    #[test]
    fn a_second_reader_agrees_on_what_is_different(
        left in uniform32(any::<u8>()),
        changes in vec((0usize..32, any::<u8>()), 0..4),
    ) {
        let mut found = left;
        for (at, byte) in changes {
            found[at] = byte;
        }
        let (one, other) = (identity_of(&left), identity_of(&found));
        let (left, found) = (naive::fields(&left), naive::fields(&found));

        prop_assert_eq!(recognize(&one, &other).is_ok(), is_same(&left, &found));
        let counts = [differences(&one, &other).count(), late_differences(&one, &other).count()];
        prop_assert_eq!(counts, naive::differences(&left, &found));
    }
}
