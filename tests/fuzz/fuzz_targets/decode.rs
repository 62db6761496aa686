// SPDX-License-Identifier: GPL-2.0

//! Whatever a handover holds: the decoder answers, the naive reader agrees, and each function that
//! was taken can be finished.
//!
//! Built by cargo alone, without cargo-fuzz, it looks at the files that it is given.

#![cfg_attr(fuzzing, no_main)]

use pci_liveupdate_host::{
    folio::{
        Folio,
        PAGE, //
    },
    logic::{
        Function,
        Incoming,
        Path, //
    },
    map::Map,
    text, //
};
use std::iter;

/// The input, with zeros behind it up to the end of the folio.
fn folio(input: &[u8]) -> Folio {
    Folio::new(input.len().next_power_of_two().max(PAGE), input)
}

fn look_at(input: &[u8]) {
    let folio = folio(input);
    assert_eq!(text::of(&folio), text::naive(&folio));

    let Ok(mut incoming) = Incoming::decode(folio, Map::default()) else {
        return;
    };
    let entries: Vec<_> = incoming.iter().map(|(dev, _)| dev).collect();
    for entry in entries {
        let key = entry.key();
        let bridge = false;
        let device = Function { key, bridge };
        let above = iter::empty();

        assert!(incoming.arrive(device));
        assert_eq!(incoming.finish(&Path { device, above }), Ok(0));
        assert_eq!(incoming.count(key), entry.refcount - 1);
        assert_eq!(incoming.arrive(device), entry.refcount > 1);
    }
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
