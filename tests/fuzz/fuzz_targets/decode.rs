// SPDX-License-Identifier: GPL-2.0

//! Whatever a handover holds: the decoder answers, the naive reader agrees, and each function that
//! was taken over can be finished.
//!
//! Built by cargo alone, without cargo-fuzz, it takes the files that it is given as input.

#![cfg_attr(fuzzing, no_main)]

use pci_liveupdate_host::{
    folio::{
        Folio,
        PAGE, //
    },
    logic::Function,
    map::Map,
    receive::{
        receive,
        Core, //
    },
    text,
    tree::{
        Node,
        Tree, //
    },
};

/// The input, with zeros behind it up to the end of the folio.
fn folio(input: &[u8]) -> Folio {
    Folio::new(input.len().next_power_of_two().max(PAGE), input)
}

/// Finishes `node` once. It was handed over with that count.
fn finish(incoming: &mut Core, node: Node<'_>, refcount: u16) {
    assert!(incoming.arrive(node));
    assert_eq!(incoming.finish(node), Ok(0));
    assert_eq!(node.incoming().is_some(), refcount > 1);

    incoming.depart(node);
    assert_eq!(incoming.arrive(node), refcount > 1);
}

fn look_at(input: &[u8]) {
    let folio = folio(input);
    assert_eq!(text::of(&folio), text::naive(&folio));

    let Ok(mut incoming) = receive(&folio, Map::default()) else {
        return;
    };
    let mut tree = Tree::default();
    for entry in incoming.iter() {
        tree.add(entry.key, false, None);
    }

    let counts: Vec<_> = incoming.iter().map(|entry| entry.refcount).collect();
    for (node, &count) in tree.nodes().zip(&counts) {
        finish(&mut incoming, node, count);
    }
    let left: Vec<_> = incoming.iter().map(|entry| entry.refcount).collect();
    assert!(left.into_iter().eq(counts.iter().map(|count| count - 1)));
    assert_eq!(
        incoming.is_finished(),
        counts.iter().all(|&count| count == 1)
    );
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
