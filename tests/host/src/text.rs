// SPDX-License-Identifier: GPL-2.0

//! What a block says, in words.
//!
//! ```text
//! max_nr_devices 511
//! nr_devices 2
//! 8 0000:01:00.0 1
//! 16 0000:00:02.0 1
//! ```
//!
//! A line per used entry: offset, function, count. A block that is refused is one line instead.

use crate::{
    abi::Ser,
    folio::Folio,
    logic::{
        DecodeError,
        Incoming, //
    },
    map::Map,
    naive, //
};
use std::fmt::Write;

/// As the core understands `folio`.
pub fn of(folio: &Folio) -> String {
    let incoming = match Incoming::decode(folio.clone(), Map::default()) {
        Ok(incoming) => incoming,
        Err(DecodeError::Corrupt(corrupt)) => return refusal(&corrupt.to_string()),
        Err(DecodeError::Index(_)) => unreachable!("this map has no fuse"),
    };

    let lines = incoming.iter().map(|(dev, arrival)| {
        let offset = Ser::offset_of(arrival.nr as usize);
        (offset, dev.key().to_string(), dev.refcount)
    });
    listing(folio.max_nr_devices, folio.nr_devices, lines)
}

/// As [`naive::read`] understands it.
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
