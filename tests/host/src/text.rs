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

use crate::{
    abi::Ser,
    folio::Folio,
    logic::IndexError,
    map::Map,
    naive,
    receive::receive, //
};
use std::fmt::Write;

/// As the core decodes `folio`.
pub fn of(folio: &Folio) -> String {
    let incoming = match receive(folio, Map::default()) {
        Ok(incoming) => incoming,
        Err(IndexError::Corrupt(corrupt)) => return refusal(&corrupt.to_string()),
        Err(IndexError::Full(_)) => unreachable!("this map takes everything"),
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
