// SPDX-License-Identifier: GPL-2.0

//! Lists of blocks. The head is in page 0, block `nr` in page `nr + 1`.

use crate::Recipe;
use pci_liveupdate_host::{
    golden::Set,
    image::{
        address,
        Image, //
    },
};

fn recipe(name: &'static str, image: Image, sentence: &'static str) -> Recipe {
    Recipe {
        set: Set::List,
        name,
        bytes: image.bytes().to_vec(),
        sentence,
    }
}

fn list(counts: &[u64]) -> Image {
    Image::list(0, counts)
}

/// `n` devices of segment 0 in block `nr`, beginning with function `first`.
fn devices(image: Image, nr: usize, first: u16, n: u16) -> Image {
    (0..n).fold(image, |image, nth| {
        image.entry(nr, nth.into(), 0, first + nth, 1)
    })
}

fn one() -> Image {
    list(&[1]).entry(0, 0, 0, 0x0018, 1)
}

pub fn recipes() -> Vec<Recipe> {
    [
        accepted(),
        lengths(),
        free(),
        first_version(),
        versions(),
        lost(),
        loops(),
        counts(),
        miscounted(),
        repeated(),
    ]
    .concat()
}

/// Lists of small machines.
fn accepted() -> Vec<Recipe> {
    let switch = list(&[7])
        .entry(0, 0, 0, 0x0400, 1)
        .entry(0, 1, 0, 0x0308, 1)
        .entry(0, 2, 0, 0x0200, 3)
        .entry(0, 3, 0, 0x0010, 3)
        .entry(0, 4, 0, 0x0500, 1)
        .entry(0, 5, 0, 0x0310, 2)
        .entry(0, 6, 0, 0x0501, 1);
    let corners = list(&[4])
        .entry(0, 0, 0, 0, 1)
        .entry(0, 1, 0, u16::MAX, 1)
        .entry(0, 2, u32::MAX, 0, u16::MAX)
        .entry(0, 3, u32::MAX, u16::MAX, 256);

    vec![
        recipe("none", list(&[]), "No device was preserved, and no block."),
        recipe("one", one(), "A device on a root bus."),
        recipe(
            "switch",
            switch,
            "Three devices behind a switch, as in pci-v3.",
        ),
        recipe(
            "corners",
            corners,
            "The first and the last function of all, and the largest count.",
        ),
    ]
}

/// Several blocks.
fn lengths() -> Vec<Recipe> {
    let full = devices(list(&[510]), 0, 0, 510);
    let two = devices(list(&[510, 1]), 0, 0, 510).entry(1, 0, 0, 510, 1);
    let short = list(&[1, 2, 1])
        .entry(0, 0, 0, 0x0018, 1)
        .entry(1, 1, 0, 0x0020, 1)
        .entry(2, 0, 0, 0x0028, 1);
    let backwards = list(&[1, 1])
        .first(address(2))
        .block(1, address(1), 1)
        .block(0, 0, 1)
        .entry(0, 0, 0, 0x0018, 1)
        .entry(1, 0, 0, 0x0020, 1);

    vec![
        recipe("full", full, "A block that is full."),
        recipe("blocks-2", two, "One device more than a block holds."),
        recipe("blocks-short", short, "Blocks that are not full."),
        recipe(
            "blocks-backwards",
            backwards,
            "The order of the blocks in memory has no meaning.",
        ),
    ]
}

/// Entries that are free, or behind the last one.
fn free() -> Vec<Recipe> {
    let all = list(&[3, 510]);
    let junk = list(&[2])
        .entry(0, 0, 0xdead_beef, 0xa5a5, 0)
        .entry(0, 1, 0, 0x0018, 1);
    let same = one().block(0, 0, 2).entry(0, 1, 0, 0x0018, 0);

    vec![
        recipe(
            "free-all",
            all,
            "Every entry was given back, so that the blocks stay with free ones.",
        ),
        recipe("free-junk", junk, "A free entry holds something."),
        recipe(
            "free-same",
            same,
            "A free entry names the function of a used one.",
        ),
        recipe(
            "behind",
            one().stray(0, 1, 0, 0x0020, 1),
            "Behind the last entry there is what looks like a used one.",
        ),
        recipe(
            "behind-same",
            one().stray(0, 509, 0, 0x0018, 1),
            "Behind the last entry the function of a used one is named again.",
        ),
    ]
}

/// Version 1.
fn first_version() -> Vec<Recipe> {
    let two = one().block(0, 0, 3).entry(0, 2, 0, 0x0500, 1).version(1);

    vec![
        recipe("v1", two, "Two devices in version 1, without bridges."),
        recipe("v1-none", list(&[]).version(1), "No device in version 1."),
        recipe(
            "v1-count",
            one().version(1).block(0, 0, 2).entry(0, 1, 0, 0x0020, 2),
            "A count that version 1 does not have.",
        ),
        recipe(
            "v1-highest",
            one().version(1).entry(0, 0, 0, 0x0018, u16::MAX),
            "The largest count in version 1.",
        ),
    ]
}

/// Versions that are not known.
fn versions() -> Vec<Recipe> {
    vec![
        recipe("v0", one().version(0), "A version below the first one."),
        recipe("v3", one().version(3), "A later version."),
        recipe(
            "v3-junk",
            Image::of(&[0xff; 4096], 0).version(3),
            "A later version, of which nothing else is looked at.",
        ),
        recipe("v-highest", one().version(u32::MAX), "The last version."),
        recipe(
            "v-swapped",
            one().version(2_u32.swap_bytes()),
            "A list of the other byte order.",
        ),
    ]
}

/// Blocks that KHO did not preserve.
fn lost() -> Vec<Recipe> {
    vec![
        recipe(
            "lost-first",
            one().first(address(2)),
            "The first block is behind the last page.",
        ),
        recipe(
            "lost-second",
            one().block(0, address(7), 1),
            "The second block is in no page.",
        ),
        recipe(
            "lost-odd",
            one().first(address(1) + 8),
            "A block that does not begin with a page.",
        ),
        recipe(
            "lost-highest",
            one().first(u64::MAX),
            "The highest address of all.",
        ),
        recipe(
            "lost-head",
            one().first(address(0)),
            "The head is no block, as what is there leads to nothing.",
        ),
        recipe(
            "lost-low",
            one().first(1),
            "An address in the page that no memory is in.",
        ),
    ]
}

/// Blocks that are met twice.
fn loops() -> Vec<Recipe> {
    let long = list(&[1, 1, 1, 1, 1]);

    vec![
        recipe(
            "loop-self",
            one().block(0, address(1), 1),
            "A block that leads to itself.",
        ),
        recipe(
            "loop-first",
            list(&[1, 1, 1]).block(2, address(1), 1),
            "The last of three blocks leads to the first one.",
        ),
        recipe(
            "loop-last",
            list(&[1, 1, 1]).block(2, address(3), 1),
            "The last of three blocks leads to itself.",
        ),
        recipe(
            "loop-middle",
            long.block(4, address(3), 1),
            "The last of five blocks leads to the third one.",
        ),
        recipe(
            "loop-empty",
            list(&[0, 0]).block(1, address(1), 0),
            "A loop of empty blocks: the loop is told.",
        ),
    ]
}

/// Blocks with no entries, or too many.
fn counts() -> Vec<Recipe> {
    vec![
        recipe("count-0", list(&[0]), "An only block without entries."),
        recipe(
            "count-0-last",
            devices(list(&[510, 0]), 0, 0, 510),
            "A block without entries behind a full one.",
        ),
        recipe(
            "count-0-first",
            list(&[0, 1]).entry(1, 0, 0, 0x0018, 1),
            "A block without entries in front of one with some.",
        ),
        recipe("count-511", list(&[511]), "One entry more than fits."),
        recipe("count-highest", list(&[u64::MAX]), "The highest count."),
        recipe(
            "count-wraps",
            list(&[1 << 32 | 1]),
            "One entry, if the count is cut to 32 bits.",
        ),
        recipe(
            "count-second",
            devices(list(&[510, 600]), 0, 0, 510),
            "The second block has more entries than fit.",
        ),
    ]
}

/// The number of used entries is not true.
fn miscounted() -> Vec<Recipe> {
    vec![
        recipe("nr-0-of-1", one().nr(0), "A used entry is not counted."),
        recipe("nr-1-of-0", list(&[1]).nr(1), "A free entry is counted."),
        recipe("nr-of-none", list(&[]).nr(1), "There is no block at all."),
        recipe("nr-highest", one().nr(u32::MAX), "The highest number."),
        recipe(
            "nr-behind",
            one().entry(0, 1, 0, 0x0020, 1),
            "An entry behind the last one is counted.",
        ),
        recipe(
            "nr-v1",
            one().version(1).nr(2),
            "Too many are counted in version 1.",
        ),
    ]
}

/// A function is named twice.
fn repeated() -> Vec<Recipe> {
    let ends = devices(list(&[510, 2]), 0, 0, 510)
        .entry(1, 0, 0, 600, 1)
        .entry(1, 1, 0, 0, 1);

    vec![
        recipe(
            "same",
            one().block(0, 0, 2).entry(0, 1, 0, 0x0018, 1),
            "The same entry twice.",
        ),
        recipe(
            "same-other-count",
            one().block(0, 0, 2).entry(0, 1, 0, 0x0018, 2),
            "The same function with two counts.",
        ),
        recipe(
            "same-blocks",
            ends,
            "The first entry of the first block and the last one of the last block.",
        ),
        recipe(
            "same-v1",
            one().version(1).block(0, 0, 2).entry(0, 1, 0, 0x0018, 1),
            "The same entry twice in version 1.",
        ),
    ]
}
