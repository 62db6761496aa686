// SPDX-License-Identifier: GPL-2.0

//! Blocks that the next kernel accepts.

use crate::{
    recipe,
    Recipe, //
};
use pci_liveupdate_host::{
    block::Block,
    folio::PAGE, //
};

/// `n` devices of segment 0, with the first `n` function numbers.
pub fn devices(block: Block, n: u16) -> Block {
    (0..n).fold(block, |block, nth| block.entry(nth.into(), 0, nth, 1))
}

fn page() -> Block {
    Block::new(PAGE)
}

pub fn recipes() -> Vec<Recipe> {
    [few(), arrays(), free(), extremes()]
        .into_iter()
        .flatten()
        .collect()
}

/// Blocks of small machines.
fn few() -> Vec<Recipe> {
    let behind_root_port = page().entry(0, 0, 0x0100, 1).entry(1, 0, 0x0010, 1);
    let switch = page()
        .entry(0, 0, 0x0400, 1)
        .entry(1, 0, 0x0308, 1)
        .entry(2, 0, 0x0200, 3)
        .entry(3, 0, 0x0010, 3)
        .entry(4, 0, 0x0500, 1)
        .entry(5, 0, 0x0310, 2)
        .entry(6, 0, 0x0501, 1);
    let bridge_too = page().entry(0, 0, 0x0100, 1).entry(1, 0, 0x0010, 2);
    let segments = page()
        .entry(0, 0, 0x0100, 1)
        .entry(1, 1, 0x0100, 1)
        .entry(2, 0x1_0000, 0x0100, 1)
        .entry(3, u32::MAX, 0x0100, 1);
    let many = (0..64).fold(page().entry(64, 0, 0x0008, 64), |block, nth| {
        block.entry(nth.into(), 0, 0x0100 | nth, 1)
    });

    vec![
        recipe("none", page(), "No device was preserved."),
        recipe(
            "one",
            page().entry(0, 0, 0x0018, 1),
            "A device on a root bus.",
        ),
        recipe(
            "root-port",
            behind_root_port,
            "A device and the root port above it.",
        ),
        recipe(
            "switch",
            switch,
            "Three devices behind a switch, whose bridges are counted once for each.",
        ),
        recipe(
            "bridge-too",
            bridge_too,
            "A bridge that a driver preserves, with a preserved device below it.",
        ),
        recipe(
            "segments",
            segments,
            "The same bus, device and function in four segments.",
        ),
        recipe("many", many, "64 devices below one root port."),
    ]
}

/// Arrays of several lengths, in folios of several sizes.
fn arrays() -> Vec<Recipe> {
    vec![
        recipe(
            "no-room",
            page().max(0),
            "An array of length 0: a page of zeros.",
        ),
        recipe(
            "room-for-one",
            page().max(1).entry(0, 0, 0x0018, 1),
            "An array of length 1 that is full.",
        ),
        recipe(
            "page-but-one",
            devices(page(), 510),
            "One page in which one entry is free.",
        ),
        recipe("page-full", devices(page(), 511), "One page that is full."),
        recipe(
            "pages-2",
            devices(Block::new(2 * PAGE), 512),
            "One device more than a page holds.",
        ),
        recipe(
            "pages-4-full",
            devices(Block::new(4 * PAGE), 2047),
            "Four pages that are full: the most bytes that are checked in.",
        ),
        recipe(
            "pages-1024",
            Block::new(1024 * PAGE)
                .entry(0, 0, 0x0018, 1)
                .entry(99, 0, 0x0020, 1),
            "The largest folio of x86-64, 4 MiB, with two devices.",
        ),
        recipe(
            "short",
            page().max(4).entry(0, 0, 0x0018, 1).entry(3, 0, 0x0020, 1),
            "An array that is shorter than its memory.",
        ),
        recipe(
            "short-behind",
            page().max(4).entry(0, 0, 0x0018, 1).stray(4, 0, 0x0020, 1),
            "Behind a short array there is what looks like a used entry.",
        ),
        recipe(
            "short-behind-same",
            page().max(4).entry(0, 0, 0x0018, 1).stray(4, 0, 0x0018, 1),
            "Behind a short array the function of a used entry is named again.",
        ),
    ]
}

/// Free entries in any place, with any contents.
fn free() -> Vec<Recipe> {
    let holes = page()
        .entry(0, 0, 0x0018, 1)
        .entry(2, 0, 0x0020, 1)
        .entry(5, 0, 0x0028, 1);
    let backwards = (0..8).fold(page(), |block, nth| {
        block.entry(nth.into(), 0, 0x0040 - 8 * nth, 1)
    });

    vec![
        recipe("holes", holes, "Free entries between used ones."),
        recipe(
            "last-only",
            page().entry(510, 0, 0x0018, 1),
            "Only the last entry of a page is used.",
        ),
        recipe(
            "backwards",
            backwards,
            "The order of the entries has no meaning.",
        ),
        recipe(
            "free-junk",
            page()
                .entry(0, 0xdead_beef, 0xa5a5, 0)
                .entry(1, 0, 0x0018, 1),
            "A free entry holds something.",
        ),
        recipe(
            "free-same",
            page().entry(0, 0, 0x0018, 1).entry(1, 0, 0x0018, 0),
            "A free entry names the function of a used one.",
        ),
        recipe(
            "free-same-first",
            page().entry(0, 0, 0x0018, 0).entry(1, 0, 0x0018, 1),
            "A free entry in front of a used one names the same function.",
        ),
        recipe(
            "free-twice",
            page().entry(0, 7, 0x0018, 0).entry(1, 7, 0x0018, 0),
            "Two free entries name the same function.",
        ),
    ]
}

/// Values at their limits.
fn extremes() -> Vec<Recipe> {
    let corners = page()
        .entry(0, 0, 0, 1)
        .entry(1, 0, u16::MAX, 1)
        .entry(2, u32::MAX, 0, 1)
        .entry(3, u32::MAX, u16::MAX, 1);
    let neighbours = page()
        .entry(0, 0, u16::MAX, 1)
        .entry(1, 1, 0, 1)
        .entry(2, 0xffff, 1, 1)
        .entry(3, 1, 0xffff, 1);

    vec![
        recipe(
            "corners",
            corners,
            "The first and the last function of all.",
        ),
        recipe(
            "neighbours",
            neighbours,
            "Functions that a key of too few bits would confuse.",
        ),
        recipe(
            "count-65535",
            page().entry(0, 0, 0x0008, u16::MAX),
            "The largest count.",
        ),
        recipe(
            "count-256",
            page().entry(0, 0, 0x0008, 256),
            "A count whose lower byte is 0 is not 0.",
        ),
    ]
}
