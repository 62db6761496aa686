// SPDX-License-Identifier: GPL-2.0

//! The contents of a block as text.
//!
//! ```text
//! max_nr_devices 511
//! nr_devices 2
//! 8 0000:01:00.0 1
//! 16 0000:00:02.0 1
//! ```
//!
//! One line for each used entry: offset, function, count. For a block that is refused, one line
//! with the reason.
//!
//! The text of a list of blocks begins with the version, and has one line for each block:
//!
//! ```text
//! version 2
//! nr_devices 2
//! block 0 count 3
//! 0 16 0000:01:00.0 1
//! 0 32 0000:00:02.0 1
//! ```
//!
//! What was handed over in both formats is either the `same`, or refused.

use crate::{
    abi::{
        blocks::{
            Block,
            Memory, //
        },
        Place,
        Ser, //
    },
    folio::Folio,
    image::Image,
    map::Map,
    naive,
    receive::{
        receive,
        receive_both,
        receive_list, //
    }, //
};
use std::fmt::Write;
use zerocopy::FromBytes;

/// As the core decodes `folio`.
pub fn of(folio: &Folio) -> String {
    let incoming = match receive(folio, Map::default()) {
        Ok(incoming) => incoming,
        Err(refused) => return refusal(&refused.to_string()),
    };

    let lines = incoming.iter().map(|arrival| {
        let offset = Ser::offset_of(arrival.nr as usize);
        (offset, arrival.key.to_string(), arrival.refcount)
    });
    listing(folio.max_nr_devices, folio.nr_devices, lines)
}

/// As [`naive::read`] decodes it.
pub fn naive(folio: &Folio) -> String {
    match naive::read(folio.as_bytes()) {
        Ok(used) => {
            let lines = used
                .into_iter()
                .map(|(offset, domain, bdf, count)| (offset, naive::name(domain, bdf), count));
            listing(folio.max_nr_devices, folio.nr_devices, lines)
        }
        Err(line) => refusal(&line),
    }
}

fn refusal(line: &str) -> String {
    format!("refused {line}\n")
}

fn listing(max: u32, nr: u32, lines: impl Iterator<Item = (usize, String, u16)>) -> String {
    let mut text = format!("max_nr_devices {max}\nnr_devices {nr}\n");

    for (offset, name, count) in lines {
        writeln!(text, "{offset} {name} {count}").expect("a string takes everything");
    }
    text
}

/// As the core decodes the list of `image`.
pub fn of_list(image: &Image) -> String {
    let head = image.head();
    let incoming = match receive_list(head, image, Map::default()) {
        Ok(incoming) => incoming,
        Err(refused) => return refusal(&refused.to_string()),
    };

    let (mut counts, mut at) = (Vec::new(), head.first);
    while let Some(block) = image.block(at) {
        counts.push(block.count);
        at = block.next;
    }
    let lines = incoming.iter().map(|arrival| {
        let (block, entry) = Place(arrival.nr).split();
        let offset = Block::HEADER + 8 * entry;
        (block, offset, arrival.key.to_string(), arrival.refcount)
    });
    list(head.version, head.nr_devices, &counts, lines)
}

/// As [`naive::read_list`] decodes it.
pub fn naive_list(image: &Image) -> String {
    match naive::read_list(image, 0) {
        Ok((bridges, counts, used)) => {
            let nr = u32::try_from(used.len()).expect("no image is that large");
            let lines = used.into_iter().map(|(block, offset, domain, bdf, count)| {
                (block, offset, naive::name(domain, bdf), count)
            });
            list(if bridges { 2 } else { 1 }, nr, &counts, lines)
        }
        Err(line) => refusal(&line),
    }
}

fn list(
    version: u32,
    nr: u32,
    counts: &[u64],
    lines: impl Iterator<Item = (usize, usize, String, u16)>,
) -> String {
    let mut text = format!("version {version}\nnr_devices {nr}\n");

    for (block, count) in counts.iter().enumerate() {
        writeln!(text, "block {block} count {count}").expect("a string takes everything");
    }
    for (block, offset, name, count) in lines {
        writeln!(text, "{block} {offset} {name} {count}").expect("a string takes everything");
    }
    text
}

/// As the core compares the array in the first page of `image` with the list behind it.
pub fn of_both(image: &Image) -> String {
    let page = image.page(crate::image::address(0)).unwrap_or_default();
    let (ser, _) = Ser::ref_from_prefix(page).expect("a page holds an array");

    verdict(receive_both(ser, image.head(), image).map(|_| ()))
}

/// As [`naive::read_both`] compares them.
pub fn naive_both(image: &Image) -> String {
    verdict(naive::read_both(image))
}

fn verdict(result: Result<(), impl ToString>) -> String {
    match result {
        Ok(()) => "same\n".to_owned(),
        Err(why) => refusal(&why.to_string()),
    }
}
