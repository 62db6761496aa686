// SPDX-License-Identifier: GPL-2.0

//! Whatever a record says of the functions of a small list: it is taken over or ignored, as the
//! naive reader says, and any function is compared with what it says.
//!
//! Built by cargo alone, without cargo-fuzz, it takes the files that it is given as input.

#![cfg_attr(fuzzing, no_main)]

use pci_liveupdate_host::{
    abi::{
        identity::Identity,
        Key, //
    },
    folio::{
        Folio,
        PAGE, //
    },
    logic::{
        differences,
        late_differences,
        recognize,
        Arrival,
        Function, //
    },
    receive::Core,
    record::{
        self,
        naive,
        text::{
            self,
            core_of, //
        },
        Entry, //
    },
    tree::{
        Node,
        Tree, //
    },
};

/// The functions of the list, most of which are in a blob.
const LISTED: [(u32, u16); 9] = [
    (0, 0x0010),
    (0, 0x0018),
    (0, 0x0020),
    (0, 0x0200),
    (0, 0x0308),
    (0, 0x0400),
    (0, 0x0500),
    (1, 0x0000),
    (u32::MAX, u16::MAX),
];

/// The input, with zeros behind it up to the end of the folio.
fn folio(input: &[u8]) -> Folio {
    Folio::new(input.len().next_power_of_two().max(PAGE), input)
}

fn core() -> Core {
    core_of(LISTED.map(|(domain, bdf)| Key::new(domain, bdf)))
}

fn state(core: &Core) -> Vec<Arrival> {
    core.iter().copied().collect()
}

/// Compares two entries, each of them valid or not.
fn compare(left: &Identity, found: &Identity, [left_bytes, found_bytes]: [&[u8]; 2]) -> bool {
    let (naive_left, naive_found) = (naive::fields(left_bytes), naive::fields(found_bytes));
    let is_same = recognize(left, found).map_err(|other| other.to_string());
    let told = |lines: Vec<String>| lines.iter().filter(|line| line.contains("found")).count();

    let early = told(differences(left, found).map(|it| it.to_string()).collect());
    let late = told(
        late_differences(left, found)
            .map(|it| it.to_string())
            .collect(),
    );
    assert_eq!(is_same.is_ok(), naive::is_same(&naive_left, &naive_found));
    assert_eq!([early, late], naive::differences(&naive_left, &naive_found));
    is_same.is_ok()
}

/// Enumerates `node`, where `found` is.
fn enumerate(core: &mut Core, node: Node<'_>, found: &Identity) {
    assert!(core.arrive(node));
    let entry = core.iter().find(|entry| entry.key == node.key());
    let expected = entry.expect("it is listed").expected;

    let recognized = core.recognize(node, found);
    let is_same = expected.is_none_or(|expected| recognize(&expected, found).is_ok());
    assert_eq!(recognized.is_ok(), is_same);
    assert_eq!(node.incoming().is_some(), is_same);
    assert_eq!(
        core.seen(node).map(|(is, seen)| (*is, *seen)),
        expected.filter(|_| is_same).map(|is| (is, *found))
    );

    // The right device, later.
    assert!(core.arrive(node));
    if let Some(expected) = expected {
        assert_eq!(core.recognize(node, &expected), Ok(Some(expected)));
    }
    assert_eq!(core.finish(node), Ok(0));
}

fn look_at(input: &[u8]) {
    let folio = folio(input);
    assert_eq!(text::of(&folio), text::naive(&folio));

    let (record, mut core) = (record::of(&folio), core());
    let before = state(&core);
    let taken = core.take_record(record).map_err(|why| why.to_string());
    let naive = naive::read(folio.as_bytes(), |domain, bdf| {
        LISTED.contains(&(domain, bdf))
    });
    assert_eq!(taken, naive.map(|_| ()));
    assert!(taken.is_ok() || state(&core) == before);

    let entries = folio.as_bytes()[8..].chunks_exact(Entry::SIZE);
    let all: Vec<_> = record.entries.iter().zip(entries).collect();
    for two in all.windows(2) {
        let [(left, left_bytes), (found, found_bytes)] = two else {
            continue;
        };
        compare(left, found, [left_bytes, found_bytes]);
        assert!(compare(left, left, [left_bytes, left_bytes]));
    }

    let mut tree = Tree::default();
    for (domain, bdf) in LISTED {
        tree.add(Key::new(domain, bdf), false, None);
    }
    for (node, found) in tree.nodes().zip(record.entries.iter().cycle().skip(1)) {
        enumerate(&mut core, node, found);
    }
    assert!(core.is_finished());
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| look_at(input));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    for file in std::env::args_os().skip(1) {
        look_at(&std::fs::read(file)?);
    }
    Ok(())
}
