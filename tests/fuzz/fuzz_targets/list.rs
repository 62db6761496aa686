// SPDX-License-Identifier: GPL-2.0

//! Whatever is handed over as a list of blocks, alone or beside an array: the decoder and the
//! comparison answer, and the naive reader agrees.
//!
//! Built by cargo alone, without cargo-fuzz, it takes the files that it is given as input.

#![cfg_attr(fuzzing, no_main)]

use pci_liveupdate_host::{
    folio::PAGE,
    golden::Set, //
};

/// The input, with zeros behind it up to whole pages: the head, and a block at least.
fn pages(input: &[u8]) -> Vec<u8> {
    let size = input.len().next_multiple_of(PAGE).max(3 * PAGE);

    input
        .iter()
        .copied()
        .chain([0; 3 * PAGE])
        .take(size)
        .collect()
}

fn look_at(input: &[u8]) {
    let memory = pages(input);

    for set in [Set::List, Set::Both] {
        let [core, naive] = set.texts(&memory);
        assert_eq!(core, naive);
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
