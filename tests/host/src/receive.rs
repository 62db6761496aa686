// SPDX-License-Identifier: GPL-2.0

//! Takes over what another kernel wrote, as the kernel does: check, decode, index, compare.

use crate::{
    abi::{
        blocks::{
            Head,
            Memory, //
        },
        check,
        walk,
        Corrupt,
        CorruptList,
        Place,
        Ser,
        Unreadable, //
    },
    logic::{
        compare,
        Arrival,
        Differ,
        Incoming,
        IndexError, //
    },
    map::{
        Map,
        NoMemory, //
    },
};
use std::fmt;

/// The incoming side as most tests build it.
pub type Core = Incoming<Vec<Arrival>, Map>;

/// Why nothing was taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The array is corrupt.
    Array(Corrupt),
    /// The list is.
    List(Unreadable),
    /// They contradict each other.
    Differ(Differ),
    /// The index could not take an entry.
    Full(NoMemory),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Array(corrupt) => write!(f, "{corrupt}"),
            Self::List(unreadable) => write!(f, "{unreadable}"),
            Self::Differ(differ) => write!(f, "{differ}"),
            Self::Full(_) => write!(f, "no memory"),
        }
    }
}

/// Takes over `ser`, with an empty `index`.
pub fn receive(ser: &Ser, index: Map) -> Result<Core, Refused> {
    let devices = check(ser).map_err(Refused::Array)?;
    let used = (0u32..).zip(devices).filter(|(_, dev)| dev.is_used());
    let entries = used.map(|(nr, dev)| Arrival::new(nr, dev)).collect();

    Incoming::new(entries, index).map_err(|error| match error {
        IndexError::Repeated { key, first, again } => {
            Refused::Array(Corrupt::repeated(key, first, again))
        }
        IndexError::Full(error) => Refused::Full(error),
    })
}

/// Takes over the list that begins with `head`, with an empty `index`.
pub fn receive_list(head: &Head, memory: &impl Memory, index: Map) -> Result<Core, Refused> {
    let list = walk(head, memory).map_err(Refused::List)?;
    let entries: Vec<_> = list
        .used()
        .map(|(Place(nr), dev)| Arrival::new(nr, dev))
        .collect();

    let incoming = Incoming::new(entries, index).map_err(|error| match error {
        IndexError::Repeated { key, first, again } => {
            let (first, again) = (Place(first), Place(again));
            Refused::List(Unreadable::Corrupt(CorruptList::Repeated {
                key,
                first,
                again,
            }))
        }
        IndexError::Full(error) => Refused::Full(error),
    })?;
    Ok(match list.counts_bridges() {
        true => incoming,
        false => incoming.without_bridges(),
    })
}

/// Takes over what was handed over in both formats.
pub fn receive_both(ser: &Ser, head: &Head, memory: &impl Memory) -> Result<Core, Refused> {
    let array = receive(ser, Map::default())?;
    let list = receive_list(head, memory, Map::default())?;

    compare(&array, &list).map_err(Refused::Differ)?;
    Ok(array)
}
