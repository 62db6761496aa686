// SPDX-License-Identifier: GPL-2.0

//! Records that the next kernel ignores.

use super::{
    card,
    cards,
    one,
    page,
    recipe,
    ACS,
    ARI,
    DMA,
    USED, //
};
use crate::Recipe;
use pci_liveupdate_host::{folio::PAGE, record::Block};

fn two() -> Block {
    one().entry(1, card(0x0020))
}

pub fn recipes() -> Vec<Recipe> {
    [
        capacity(),
        miscounted(),
        unknown_flags(),
        reserved(),
        repeated(),
        order(),
    ]
    .concat()
}

/// The array does not fit into its memory.
fn capacity() -> Vec<Recipe> {
    vec![
        recipe(
            "max-128",
            one().max(128),
            "The array is one entry longer than a page, of which 24 bytes are there.",
        ),
        recipe(
            "max-256",
            cards(Block::new(2 * PAGE), 3).max(256),
            "The array is one entry longer than two pages.",
        ),
        recipe(
            "max-half",
            cards(page(), 3).max(255),
            "An array of two pages, of which only one is there.",
        ),
        recipe(
            "max-highest",
            one().max(u32::MAX),
            "The longest array of all.",
        ),
        recipe(
            "max-wraps",
            one().max(0x0800_0001),
            "The array is 32 bytes long if its length in bytes is cut to 32 bits.",
        ),
        recipe(
            "max-sign",
            one().max(0x8000_0000),
            "The length is negative if it is signed.",
        ),
    ]
}

/// The number of used entries is not true.
fn miscounted() -> Vec<Recipe> {
    vec![
        recipe("nr-0-of-1", one().nr(0), "A used entry is not counted."),
        recipe("nr-1-of-0", page().nr(1), "A free entry is counted."),
        recipe("nr-1-of-2", two().nr(1), "One of two is not counted."),
        recipe("nr-3-of-2", two().nr(3), "One more is counted."),
        recipe("nr-highest", one().nr(u32::MAX), "The highest number."),
        recipe(
            "nr-126-of-127",
            cards(page(), 127).nr(126),
            "A full page, and one is not counted.",
        ),
        recipe(
            "nr-127-of-126",
            cards(page(), 126).nr(127),
            "A full page is counted, and one entry is free.",
        ),
        recipe(
            "nr-128",
            cards(page(), 127).nr(128),
            "More are counted than there are entries.",
        ),
        recipe(
            "nr-no-room",
            page().max(0).nr(1),
            "One is counted in an array of length 0.",
        ),
        recipe(
            "nr-behind",
            two().max(1),
            "An entry behind the last one is counted.",
        ),
        recipe(
            "nr-free",
            one().entry(1, card(0x0020).flags(0)).nr(2),
            "A free entry that holds something is counted.",
        ),
    ]
}

/// A used entry has flags that this layout does not have, or does not have the first one.
fn unknown_flags() -> Vec<Recipe> {
    let with = |flags| page().entry(0, card(0x0018).flags(flags));
    let last = |flags| cards(page(), 126).entry(126, card(0x0400).flags(flags));

    vec![
        recipe("flag-10", with(USED | 0x10), "The lowest unknown flag."),
        recipe("flag-20", with(USED | 0x20), "The second unknown flag."),
        recipe("flag-40", with(USED | 0x40), "The third unknown flag."),
        recipe("flag-80", with(USED | 0x80), "The highest unknown flag."),
        recipe("flag-only-80", with(0x80), "Nothing but an unknown flag."),
        recipe("flags-all", with(0xff), "All flags."),
        recipe("unused-dma", with(DMA), "DMA of what is not used."),
        recipe("unused-acs", with(ACS), "ACS of what is not used."),
        recipe("unused-ari", with(ARI), "ARI of what is not used."),
        recipe(
            "flag-last",
            last(USED | 0x10),
            "An unknown flag in the last entry of a full page.",
        ),
        recipe(
            "unused-last",
            last(DMA | ACS | ARI),
            "The last entry of a full page has all flags but the first.",
        ),
    ]
}

/// A used entry has something where zeros are expected.
fn reserved() -> Vec<Recipe> {
    let first = card(0x0018).put(25, &[1]);
    let last = card(0x0018).put(31, &[0x80]);

    vec![
        recipe(
            "reserved-first",
            page().entry(0, first),
            "The first reserved byte is not 0.",
        ),
        recipe(
            "reserved-last",
            page().entry(0, last),
            "The last reserved byte is not 0.",
        ),
        recipe(
            "reserved-all",
            page().entry(0, card(0x0018).put(25, &[0xff; 7])),
            "No reserved byte is 0.",
        ),
        recipe(
            "reserved-wraps",
            page().entry(0, card(0x0018).put(25, &[0x80, 0x80])),
            "The reserved bytes add up to 0 in 8 bits.",
        ),
        recipe(
            "reserved-end",
            cards(page(), 126).entry(126, card(0x0400).put(31, &[1])),
            "The last reserved byte of the last entry of a full page.",
        ),
    ]
}

/// A function is named twice.
fn repeated() -> Vec<Recipe> {
    vec![
        recipe(
            "same",
            one().entry(1, card(0x0018)),
            "The same entry twice.",
        ),
        recipe(
            "same-other",
            one().entry(1, card(0x0018).device(0x8086, 0x1520)),
            "The same function as two devices.",
        ),
        recipe(
            "same-ends",
            cards(page(), 126).entry(126, card(0)),
            "The first and the last entry of a page.",
        ),
        recipe(
            "same-three",
            two().entry(2, card(0x0018)).entry(3, card(0x0018)),
            "A function is named three times, and the second one is told.",
        ),
    ]
}

/// Several things are wrong, and the first one is told.
fn order() -> Vec<Recipe> {
    vec![
        recipe(
            "max-and-nr",
            one().max(128).nr(600),
            "Both numbers are wrong.",
        ),
        recipe(
            "nr-and-flags",
            page().entry(0, card(0x0018).flags(0xff)).nr(0),
            "The number and an entry are wrong.",
        ),
        recipe(
            "flags-and-same",
            two()
                .entry(2, card(0x0018))
                .entry(3, card(0x0028).flags(0xff)),
            "An entry behind a repeated one is unknown, which is told first.",
        ),
        recipe(
            "poison",
            page().put(0, &[0x6b; PAGE]),
            "Memory that was freed, as the slab allocator poisons it.",
        ),
        recipe(
            "ascii",
            page().put(0, &b"PCI "[..]).put(4, &b"nr=1"[..]),
            "Letters instead of numbers.",
        ),
    ]
}
