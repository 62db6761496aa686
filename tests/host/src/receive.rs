// SPDX-License-Identifier: GPL-2.0

//! Takes over what another kernel wrote, as the kernel does: check, decode, index.

use crate::{
    abi::{
        check,
        Ser, //
    },
    logic::{
        Arrival,
        Incoming,
        IndexError, //
    },
    map::{
        Map,
        NoMemory, //
    },
};

/// The incoming side as most tests build it.
pub type Core = Incoming<Vec<Arrival>, Map>;

/// Takes over `ser`, with an empty `index`.
pub fn receive(ser: &Ser, index: Map) -> Result<Core, IndexError<NoMemory>> {
    let devices = check(ser).map_err(IndexError::Corrupt)?;
    let used = (0u32..).zip(devices).filter(|(_, dev)| dev.is_used());
    let entries = used.map(|(nr, dev)| Arrival::new(nr, dev)).collect();

    Incoming::new(entries, index)
}
