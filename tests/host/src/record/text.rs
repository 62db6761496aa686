// SPDX-License-Identifier: GPL-2.0

//! The contents of a record as text, a line for each used entry:
//!
//! ```text
//! max_nr 127
//! nr 1
//! 8 0000:04:00.0 8086:10d3 class 0x020000 header 0x00 revision 0x03 subsystem 8086:a01f \
//! buses 0 0 0 dma 1 ari 0 acs 0x001d
//! ```
//!
//! It begins with the offset. For a record that is damaged, there is one line with the reason. The
//! list of devices has every function that the record names.

use super::{
    naive::{
        self,
        Fields, //
    }, //
};
use crate::{
    abi::{
        identity::{
            check,
            Identity,
            Record, //
        },
        DevSer,
        Key, //
    },
    folio::Folio,
    logic::{
        Arrival,
        Incoming, //
    },
    map::Map,
    naive::{
        name,
        u32_at, //
    },
    receive::Core, //
};
use std::collections::{
    BTreeSet,
    HashMap, //
};

/// A core whose list of devices has these functions.
pub fn core_of(keys: impl IntoIterator<Item = Key>) -> Core {
    let functions: BTreeSet<_> = keys
        .into_iter()
        .map(|key| (key.domain(), key.bdf()))
        .collect();
    let entries = (0..).zip(&functions).map(|(nr, &(domain, bdf))| {
        let refcount = 1;
        let ser = DevSer {
            domain,
            bdf,
            refcount,
        };
        Arrival::new(nr, &ser)
    });

    match Incoming::new(entries.collect(), Map::default()) {
        Ok(core) => core,
        Err(_) => unreachable!("a set has each function once"),
    }
}

/// As the core reads the record in `folio`.
pub fn of(folio: &Folio) -> String {
    let record = super::of(folio);
    let used = record.entries.iter().filter(|entry| entry.is_used());
    let mut core = core_of(used.map(Identity::key));

    if let Err(damaged) = core.take_record(record) {
        return refusal(&damaged.to_string());
    }
    let taken = core.iter().map(|entry| (entry.key, entry.expected));
    let taken: HashMap<_, _> = taken.collect();
    let lines = check(record).into_iter().flatten().map(|(nr, entry)| {
        let taken = taken[&entry.key()].expect("each used entry was taken over");
        (Record::offset_of(nr), said(&taken))
    });
    listing(record.max_nr, record.nr, lines)
}

/// What `identity` says.
fn said(identity: &Identity) -> (String, Fields) {
    let [revision, class @ ..] = identity.class_revision.to_le_bytes();
    let [low, middle, high] = class;
    let acs = identity.has(Identity::ACS);

    let fields = Fields {
        domain: identity.domain,
        bdf: identity.bdf,
        dma: identity.has(Identity::DMA),
        ari: identity.has(Identity::ARI),
        acs: acs.then_some(identity.acs_ctrl),
        header_type: identity.header_type,
        device: [identity.vendor, identity.device],
        subsystem: [identity.subsystem_vendor, identity.subsystem],
        class: u32::from_le_bytes([low, middle, high, 0]),
        revision,
        buses: identity.buses,
    };
    (identity.key().to_string(), fields)
}

/// As [`naive::read`] reads it.
pub fn naive(folio: &Folio) -> String {
    let bytes = folio.as_bytes();

    match naive::read(bytes, |_, _| true) {
        Ok(used) => {
            let lines = used.into_iter().map(|(at, fields)| {
                let name = name(fields.domain, fields.bdf);
                (at, (name, fields))
            });
            listing(u32_at(bytes, 0), u32_at(bytes, 4), lines)
        }
        Err(line) => refusal(&line),
    }
}

fn refusal(line: &str) -> String {
    format!("refused {line}\n")
}

fn listing(max: u32, nr: u32, lines: impl Iterator<Item = (usize, (String, Fields))>) -> String {
    let lines = lines.map(|(at, (name, fields))| format!("{at} {name} {}\n", line(&fields)));

    format!("max_nr {max}\nnr {nr}\n") + &lines.collect::<String>()
}

fn line(fields: &Fields) -> String {
    let [vendor, device] = fields.device;
    let [subsystem_vendor, subsystem] = fields.subsystem;
    let [primary, secondary, subordinate] = fields.buses;
    let (dma, ari) = (u8::from(fields.dma), u8::from(fields.ari));
    let acs = fields.acs.map(|ctrl| format!("{ctrl:#06x}"));
    let acs = acs.as_deref().unwrap_or("none");

    format!(
        "{vendor:04x}:{device:04x} class {:#08x} header {:#04x} revision {:#04x} \
         subsystem {subsystem_vendor:04x}:{subsystem:04x} \
         buses {primary} {secondary} {subordinate} dma {dma} ari {ari} acs {acs}",
        fields.class, fields.header_type, fields.revision
    )
}
