// SPDX-License-Identifier: GPL-2.0

//! Blocks that the next kernel refuses.

use crate::{
    accepted::devices,
    recipe,
    Recipe, //
};
use pci_liveupdate_host::{
    block::Block,
    folio::PAGE, //
};

fn page() -> Block {
    Block::new(PAGE)
}

fn one() -> Block {
    page().entry(0, 0, 0x0018, 1)
}

fn two() -> Block {
    one().entry(1, 0, 0x0020, 1)
}

pub fn recipes() -> Vec<Recipe> {
    let groups = [capacity(), overfull(), miscounted(), repeated(), garbage()];

    groups.into_iter().flatten().collect()
}

/// The array does not fit into its memory.
fn capacity() -> Vec<Recipe> {
    vec![
        recipe(
            "max-512",
            one().max(512),
            "The array is one entry longer than a page.",
        ),
        recipe(
            "max-1024",
            devices(Block::new(2 * PAGE), 3).max(1024),
            "The array is one entry longer than two pages.",
        ),
        recipe(
            "max-half",
            devices(page(), 3).max(1023),
            "An array of two pages, of which only one is there.",
        ),
        recipe(
            "max-highest",
            one().max(u32::MAX),
            "The longest array of all.",
        ),
        recipe(
            "max-wraps",
            one().max(0x2000_0001),
            "The array is 8 bytes long if its length in bytes is cut to 32 bits.",
        ),
        recipe(
            "max-and-nr",
            one().max(512).nr(600),
            "Both numbers are wrong, and the first one is told.",
        ),
    ]
}

/// More entries are in use than there are.
fn overfull() -> Vec<Recipe> {
    vec![
        recipe(
            "nr-512",
            devices(page(), 511).nr(512),
            "One more than a full page is said to be in use.",
        ),
        recipe(
            "nr-above-short",
            devices(page(), 5).max(4),
            "One more than a short array holds is in use, the last behind it.",
        ),
        recipe(
            "nr-in-no-room",
            page().max(0).nr(1),
            "An array of length 0 is in use.",
        ),
        recipe(
            "nr-highest",
            one().nr(u32::MAX),
            "The highest number of all.",
        ),
    ]
}

/// The number of used entries is not true.
fn miscounted() -> Vec<Recipe> {
    vec![
        recipe(
            "nr-0-of-1",
            one().nr(0),
            "A used entry that is not counted.",
        ),
        recipe(
            "nr-1-of-0",
            page().nr(1),
            "A counted entry that is not used.",
        ),
        recipe("nr-1-of-2", two().nr(1), "One less than there are."),
        recipe("nr-3-of-2", two().nr(3), "One more than there are."),
        recipe(
            "nr-511-of-510",
            devices(page(), 510).nr(511),
            "A full page, but for one entry.",
        ),
        recipe(
            "nr-510-of-511",
            devices(page(), 511).nr(510),
            "All but one are counted in a full page.",
        ),
        recipe(
            "nr-behind",
            one().max(4).entry(4, 0, 0x0020, 1),
            "An entry behind a short array is counted.",
        ),
        recipe(
            "nr-free",
            one().entry(1, 0, 0x0020, 0).nr(2),
            "A free entry that names a function is counted.",
        ),
    ]
}

/// A function is named twice.
fn repeated() -> Vec<Recipe> {
    let full = (0..510).fold(page(), |block, nth| block.entry(nth.into(), 0, nth, 1));

    vec![
        recipe(
            "same",
            one().entry(1, 0, 0x0018, 1),
            "The same entry twice.",
        ),
        recipe(
            "same-other-count",
            one().entry(1, 0, 0x0018, 2),
            "The same function with two counts.",
        ),
        recipe(
            "same-ends",
            full.entry(510, 0, 0, 1),
            "The first and the last entry of a full page are the same.",
        ),
        recipe(
            "same-three",
            one().entry(3, 0, 0x0018, 1).entry(9, 0, 0x0018, 1),
            "The same function three times, of which the second is told.",
        ),
        recipe(
            "same-zero",
            page().entry(0, 0, 0, 1).entry(1, 0, 0, 1),
            "The first function of all twice.",
        ),
        recipe(
            "same-highest",
            page()
                .entry(0, u32::MAX, u16::MAX, u16::MAX)
                .entry(1, u32::MAX, u16::MAX, u16::MAX),
            "The last function of all twice, with the largest counts.",
        ),
    ]
}

/// Memory that is not a block.
fn garbage() -> Vec<Recipe> {
    let swapped = page()
        .max(511_u32.swap_bytes())
        .nr(1_u32.swap_bytes())
        .stray(0, 0, 0x0018_u16.swap_bytes(), 1_u16.swap_bytes());
    let fdt = page()
        .put(0, &0xd00d_feed_u32.to_be_bytes())
        .put(4, &[0, 0, 1, 0]);

    vec![
        recipe("ones", page().put(0, &[0xff; PAGE]), "A page of ones."),
        recipe(
            "poison",
            page().put(0, &[0x6b; PAGE]),
            "Memory that was freed.",
        ),
        recipe("swapped", swapped, "A block of the other byte order."),
        recipe("fdt", fdt, "A flattened device tree."),
    ]
}
