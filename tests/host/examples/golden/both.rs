// SPDX-License-Identifier: GPL-2.0

//! What was handed over in both formats: the array is in page 0, the head of the list in page 1,
//! block `nr` in page `nr + 2`.

use crate::Recipe;
use pci_liveupdate_host::{
    block::Block,
    folio::PAGE,
    golden::Set,
    image::Image, //
};

fn recipe(name: &'static str, array: Block, list: Image, sentence: &'static str) -> Recipe {
    Recipe {
        set: Set::Both,
        name,
        bytes: list.put(0, array.bytes()).bytes().to_vec(),
        sentence,
    }
}

fn page() -> Block {
    Block::new(PAGE)
}

fn list(count: u64) -> Image {
    Image::list(1, &[count])
}

/// A device and the root port above it.
fn array() -> Block {
    page().entry(0, 0, 0x0100, 1).entry(1, 0, 0x0010, 1)
}

/// The same.
fn blocks() -> Image {
    list(2).entry(0, 0, 0, 0x0100, 1).entry(0, 1, 0, 0x0010, 1)
}

pub fn recipes() -> Vec<Recipe> {
    [same(), different(), first_version(), corrupt()].concat()
}

fn same() -> Vec<Recipe> {
    let other_order = list(4).entry(0, 1, 0, 0x0010, 1).entry(0, 3, 0, 0x0100, 1);
    let full = (0..511).fold(page(), |block, nth| block.entry(nth.into(), 0, nth, 1));
    let two = (0..511).fold(Image::list(1, &[510, 1]), |image, nth: u16| {
        image.entry(usize::from(nth) / 510, usize::from(nth) % 510, 0, nth, 1)
    });

    vec![
        recipe(
            "none",
            page(),
            Image::list(1, &[]),
            "No device was preserved.",
        ),
        recipe("same", array(), blocks(), "A device and its root port."),
        recipe(
            "same-order",
            array(),
            other_order,
            "The order of the entries and the free ones have no meaning.",
        ),
        recipe(
            "same-511",
            full,
            two,
            "A full page in pci-v3, which takes two blocks in pci.",
        ),
        recipe(
            "same-free",
            array().entry(2, 0, 0x0018, 0),
            blocks().block(0, 0, 3).entry(0, 2, 7, 0x0020, 0),
            "Free entries hold something else.",
        ),
    ]
}

fn different() -> Vec<Recipe> {
    vec![
        recipe(
            "count",
            page().entry(0, 0, 0x0100, 1).entry(1, 0, 0x0010, 1),
            list(2).entry(0, 0, 0, 0x0100, 1).entry(0, 1, 0, 0x0010, 2),
            "A count is not the same.",
        ),
        recipe(
            "only-array",
            array().entry(2, 0, 0x0018, 1),
            blocks(),
            "A function is missing in pci.",
        ),
        recipe(
            "only-list",
            array(),
            blocks().block(0, 0, 3).entry(0, 2, 0, 0x0018, 1),
            "A function is missing in pci-v3.",
        ),
        recipe(
            "other-function",
            page().entry(0, 0, 0x0018, 1),
            list(1).entry(0, 0, 0, 0x0019, 1),
            "Two functions, of which each list has one.",
        ),
        recipe(
            "other-segment",
            page().entry(0, 0, 0x0018, 1),
            list(1).entry(0, 0, 0x1_0000, 0x0018, 1),
            "The same function of another segment.",
        ),
        recipe(
            "empty-array",
            page(),
            blocks(),
            "Nothing in pci-v3, but something in pci.",
        ),
        recipe(
            "empty-list",
            array(),
            Image::list(1, &[]),
            "Nothing in pci, but something in pci-v3.",
        ),
    ]
}

fn first_version() -> Vec<Recipe> {
    let device = || list(1).entry(0, 0, 0, 0x0100, 1).version(1);

    vec![
        recipe(
            "v1",
            array(),
            device(),
            "Version 1 of pci knows nothing of the root port.",
        ),
        recipe(
            "v1-only-list",
            page().entry(0, 0, 0x0010, 1),
            device(),
            "A device of version 1 is missing in pci-v3.",
        ),
    ]
}

/// One of the two is refused by itself.
fn corrupt() -> Vec<Recipe> {
    vec![
        recipe(
            "corrupt-array",
            array().nr(3),
            blocks(),
            "The array is damaged.",
        ),
        recipe("corrupt-list", array(), list(0), "The list is damaged."),
        recipe(
            "corrupt-both",
            array().nr(3),
            blocks().nr(7),
            "Both are damaged, and the array is told.",
        ),
        recipe(
            "v3",
            array(),
            blocks().version(3),
            "A later version of pci, beside which the array counts alone.",
        ),
    ]
}
