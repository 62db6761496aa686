// SPDX-License-Identifier: GPL-2.0

//! Records that the next kernel takes over.

use super::{
    bridge,
    card,
    cards,
    one,
    page,
    recipe,
    stopped,
    ACS,
    ARI,
    DMA,
    USED, //
};
use crate::Recipe;
use pci_liveupdate_host::{
    folio::PAGE,
    record::{
        Block,
        Entry, //
    },
};

pub fn recipes() -> Vec<Recipe> {
    [few(), flags(), arrays(), free(), extremes(), meaningless()].concat()
}

/// Records of small machines.
fn few() -> Vec<Recipe> {
    let root_port = bridge(0x0010, 1, 1)
        .device(0x1b36, 0x000c)
        .class(0x06_0400, 0);
    let switch = page()
        .entry(0, card(0x0400))
        .entry(1, bridge(0x0308, 4, 4).flags(USED | DMA | ACS).acs(0x1d))
        .entry(2, bridge(0x0200, 3, 5))
        .entry(
            3,
            bridge(0x0010, 2, 5)
                .device(0x1b36, 0x000c)
                .class(0x06_0400, 0),
        )
        .entry(4, card(0x0500))
        .entry(5, bridge(0x0310, 5, 5).flags(USED | DMA | ACS | ARI))
        .entry(6, stopped(0x0501).device(0x8086, 0x1520));

    vec![
        recipe("none", page(), "No function was recorded."),
        recipe("one", one(), "A device on a root bus."),
        recipe(
            "root-port",
            page().entry(0, card(0x0100)).entry(1, root_port),
            "A device and the root port above it.",
        ),
        recipe(
            "switch",
            switch,
            "Three devices behind a switch, in the order of the list of that name.",
        ),
    ]
}

/// Each flag, and what goes with it.
fn flags() -> Vec<Recipe> {
    let with = |flags| page().entry(0, stopped(0x0018).flags(flags));
    let port = |flags| page().entry(0, bridge(0x0010, 1, 4).flags(flags));

    vec![
        recipe("used", with(USED), "A device that is stopped, without ACS."),
        recipe("dma", with(USED | DMA), "DMA goes on."),
        recipe(
            "acs",
            page().entry(0, card(0x0018).flags(USED | ACS)),
            "ACS Control is told.",
        ),
        recipe(
            "acs-0",
            page().entry(0, stopped(0x0018).flags(USED | ACS)),
            "There is ACS, and all of it is off.",
        ),
        recipe(
            "acs-highest",
            page().entry(0, card(0x0018).flags(USED | ACS).acs(u16::MAX)),
            "Every bit of ACS Control is set.",
        ),
        recipe("ari", port(USED | ARI), "ARI Forwarding of a bridge is on."),
        recipe(
            "all-flags",
            port(USED | DMA | ACS | ARI),
            "A bridge with all flags.",
        ),
    ]
}

/// Arrays of several lengths, in folios of several sizes.
fn arrays() -> Vec<Recipe> {
    let ends = page()
        .entry(0, card(0x0018))
        .entry(126, bridge(0x0010, 1, 1));

    vec![
        recipe(
            "no-room",
            page().max(0),
            "An array of length 0: a page of zeros.",
        ),
        recipe(
            "room-for-one",
            one().max(1),
            "An array of length 1 that is full.",
        ),
        recipe(
            "page-but-one",
            cards(page(), 126),
            "One page in which one entry is free.",
        ),
        recipe("page-full", cards(page(), 127), "One page that is full."),
        recipe(
            "page-rest",
            cards(page(), 127).put(PAGE - 24, &[0xff; 24]),
            "Something in the last bytes of a page, in which no entry fits.",
        ),
        recipe("ends", ends, "The first and the last entry of a page."),
        recipe(
            "pages-2",
            cards(Block::new(2 * PAGE), 128),
            "One function more than a page holds.",
        ),
        recipe(
            "pages-4",
            Block::new(4 * PAGE)
                .entry(0, card(0x0018))
                .entry(510, card(0x0020)),
            "As many pages as a full page of pci-v3 takes.",
        ),
        recipe(
            "short",
            page().max(4).entry(0, card(0x0018)).entry(3, card(0x0020)),
            "An array that is shorter than its memory.",
        ),
        recipe(
            "short-behind",
            one().max(4).stray(4, card(0x0020).flags(0xff)),
            "Behind a short array there is what looks like a damaged entry.",
        ),
        recipe(
            "short-behind-same",
            one().max(4).stray(4, card(0x0018)),
            "Behind a short array the function of a used entry is named again.",
        ),
    ]
}

/// Free entries in any place, with any contents.
fn free() -> Vec<Recipe> {
    let holes = page()
        .entry(1, card(0x0018))
        .entry(3, bridge(0x0010, 1, 1))
        .entry(6, card(0x0028));
    let backwards = (0..8).fold(page(), |block, nth| {
        block.entry(nth.into(), card(0x0040 - 8 * nth))
    });
    let junk = Entry::new(0xa5a5).put(0, &[0xa5; Entry::SIZE]).flags(0);
    let reserved = card(0x0020).flags(0).put(25, &[0xff; 7]);

    vec![
        recipe("holes", holes, "Free entries between used ones."),
        recipe(
            "last-only",
            page().entry(126, card(0x0018)),
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
                .entry(0, junk)
                .entry(1, card(0x0018))
                .entry(126, junk),
            "Free entries hold something, the first and the last one.",
        ),
        recipe(
            "free-reserved",
            one().entry(1, reserved),
            "What is reserved is not 0 in a free entry.",
        ),
        recipe(
            "free-same",
            one().entry(1, card(0x0018).flags(0)),
            "A free entry names the function of a used one.",
        ),
        recipe(
            "free-same-first",
            page()
                .entry(0, card(0x0018).flags(0))
                .entry(1, card(0x0018)),
            "A free entry in front of a used one names the same function.",
        ),
    ]
}

/// Values at their limits.
fn extremes() -> Vec<Recipe> {
    let corners = page()
        .entry(0, card(0))
        .entry(1, card(u16::MAX))
        .entry(2, card(0).domain(u32::MAX))
        .entry(3, card(u16::MAX).domain(u32::MAX));
    let neighbours = page()
        .entry(0, card(u16::MAX))
        .entry(1, card(0).domain(1))
        .entry(2, card(1).domain(0xffff))
        .entry(3, card(0xffff).domain(1));
    let distinct = Entry::new(0)
        .put(0, &std::array::from_fn::<u8, 25, _>(|at| 0x80 | at as u8))
        .flags(USED | ACS);
    let ones = Entry::new(u16::MAX)
        .put(0, &[0xff; 25])
        .flags(USED | DMA | ACS | ARI);

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
            "zeros",
            page().entry(0, Entry::new(0)),
            "An entry in which only one flag is not 0.",
        ),
        recipe("ones", page().entry(0, ones), "The highest values of all."),
        recipe(
            "distinct",
            page().entry(0, distinct),
            "Each byte has another value.",
        ),
        recipe(
            "revisions",
            page()
                .entry(0, card(0x0018).class(0xff_ffff, 0))
                .entry(1, card(0x0020).class(0, 0xff)),
            "The class and the revision are beside each other.",
        ),
    ]
}

/// Values that the flags or the header type give no meaning to, which are accepted.
fn meaningless() -> Vec<Recipe> {
    vec![
        recipe(
            "acs-without",
            page().entry(0, card(0x0018).flags(USED).acs(0xffff)),
            "ACS Control without the flag means nothing.",
        ),
        recipe(
            "ari-device",
            page().entry(0, card(0x0018).flags(USED | ARI)),
            "ARI Forwarding of what is not a bridge.",
        ),
        recipe(
            "buses-device",
            page().entry(0, card(0x0018).buses([0xff, 0xfe, 0xfd])),
            "Bus numbers of what is not a bridge.",
        ),
        recipe(
            "subsystem-bridge",
            page().entry(0, bridge(0x0010, 1, 1).subsystem(0x1af4, 0x1100)),
            "A subsystem of a bridge.",
        ),
        recipe(
            "header-multi",
            page().entry(0, card(0x0018).header_type(0x81)),
            "The Multi-Function bit was not taken away.",
        ),
    ]
}
