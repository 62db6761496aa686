// SPDX-License-Identifier: GPL-2.0

//! Records of what functions are. A page has room for 127 entries, and 24 bytes behind them.

mod damaged;
mod sound;

use crate::Recipe;
use pci_liveupdate_host::{
    folio::PAGE,
    golden::Set,
    record::{
        Block,
        Entry, //
    },
};

const USED: u8 = 1;
const DMA: u8 = 2;
const ACS: u8 = 4;
const ARI: u8 = 8;

fn recipe(name: &'static str, block: Block, sentence: &'static str) -> Recipe {
    Recipe {
        set: Set::Record,
        name,
        bytes: block.bytes().to_vec(),
        sentence,
    }
}

fn page() -> Block {
    Block::new(PAGE)
}

/// A network card.
fn card(bdf: u16) -> Entry {
    Entry::new(bdf)
        .flags(USED | DMA | ACS)
        .device(0x8086, 0x10d3)
        .subsystem(0x8086, 0xa01f)
        .class(0x02_0000, 3)
        .acs(0x1d)
}

/// The same without ACS, when its DMA has ended.
fn stopped(bdf: u16) -> Entry {
    card(bdf).flags(USED).acs(0)
}

/// A bridge above the buses from `secondary` to `subordinate`.
fn bridge(bdf: u16, secondary: u8, subordinate: u8) -> Entry {
    let [primary, _] = bdf.to_be_bytes();

    Entry::new(bdf)
        .flags(USED | DMA)
        .header_type(1)
        .device(0x104c, 0x8232)
        .class(0x06_0400, 2)
        .buses([primary, secondary, subordinate])
}

/// `n` cards, with the first `n` function numbers.
fn cards(block: Block, n: u16) -> Block {
    (0..n).fold(block, |block, nth| block.entry(nth.into(), card(nth)))
}

fn one() -> Block {
    page().entry(0, card(0x0018))
}

pub fn recipes() -> Vec<Recipe> {
    [sound::recipes(), damaged::recipes()].concat()
}
