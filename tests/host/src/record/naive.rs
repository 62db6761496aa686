// SPDX-License-Identifier: GPL-2.0

//! A second reader of records, to compare with: plain offsets, no types of the core.

use crate::naive::{
    name,
    u16_at,
    u32_at, //
};
use std::collections::BTreeSet;

/// Bytes of an entry.
const SIZE: usize = 32;

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// The segment.
    pub domain: u32,
    /// The function in it.
    pub bdf: u16,
    /// Its DMA goes on.
    pub dma: bool,
    /// ARI Forwarding is on.
    pub ari: bool,
    /// ACS Control, if it has ACS.
    pub acs: Option<u16>,
    /// Header Type.
    pub header_type: u8,
    /// Vendor ID and Device ID.
    pub device: [u16; 2],
    /// Subsystem Vendor ID and Subsystem ID.
    pub subsystem: [u16; 2],
    /// Class Code.
    pub class: u32,
    /// Revision ID.
    pub revision: u8,
    /// Primary, Secondary and Subordinate Bus Number.
    pub buses: [u8; 3],
}

/// Reads the fields of an entry.
pub fn fields(entry: &[u8]) -> Fields {
    let flags = entry[6];

    Fields {
        domain: u32_at(entry, 0),
        bdf: u16_at(entry, 4),
        dma: flags & 2 != 0,
        ari: flags & 8 != 0,
        acs: (flags & 4 != 0).then(|| u16_at(entry, 20)),
        header_type: entry[7],
        device: [u16_at(entry, 8), u16_at(entry, 10)],
        subsystem: [u16_at(entry, 12), u16_at(entry, 14)],
        class: u32_at(entry, 16) / 256,
        revision: (u32_at(entry, 16) % 256) as u8,
        buses: [entry[22], entry[23], entry[24]],
    }
}

/// Reads a record that spans all of `bytes`: the offset of each used entry, and what it says. Or
/// says where it is damaged and how.
///
/// The next kernel has a list of functions; `listed` says which ones.
pub fn read(
    bytes: &[u8],
    listed: impl Fn(u32, u16) -> bool,
) -> Result<Vec<(usize, Fields)>, String> {
    let fits = (bytes.len() - 8) / SIZE;
    let (max, nr) = (u32_at(bytes, 0), u32_at(bytes, 4));

    if max as usize > fits {
        return Err(format!(
            "at offset 0: expected max_nr <= {fits}, found {max}"
        ));
    }
    let offsets = (0..max as usize).map(|nr| 8 + SIZE * nr);
    let used: Vec<_> = offsets.filter(|&at| bytes[at + 6] > 0).collect();
    if used.len() != nr as usize {
        let used = used.len();
        return Err(format!(
            "at offset 4: expected nr = {used}, the used entries, found {nr}"
        ));
    }
    for &at in &used {
        let flags = bytes[at + 6];
        let rest: u32 = bytes[at + 25..at + SIZE]
            .iter()
            .copied()
            .map(u32::from)
            .sum();
        if flags > 15 || flags.is_multiple_of(2) || rest > 0 {
            return Err(format!(
                "at offset {at}: expected known flags and zeros, found others"
            ));
        }
    }

    let used: Vec<_> = used
        .into_iter()
        .map(|at| (at, fields(&bytes[at..at + SIZE])))
        .collect();
    check_names(&used, listed)?;
    Ok(used)
}

/// Says which function is not listed, or is named twice.
fn check_names(used: &[(usize, Fields)], listed: impl Fn(u32, u16) -> bool) -> Result<(), String> {
    let mut seen = BTreeSet::new();

    for &(at, Fields { domain, bdf, .. }) in used {
        let name = name(domain, bdf);
        if !listed(domain, bdf) {
            return Err(format!(
                "at offset {at}: expected a preserved function, found {name}"
            ));
        }
        if !seen.insert((domain, bdf)) {
            return Err(format!(
                "at offset {at}: expected each function once, found {name} again"
            ));
        }
    }
    Ok(())
}

/// Whether two entries are of the same device.
pub fn is_same(one: &Fields, other: &Fields) -> bool {
    let model = |it: &Fields| (it.device, it.class, it.header_type);

    model(one) == model(other)
}

/// In how many values a device is not as it was left: those that are known early, and late.
pub fn differences(left: &Fields, found: &Fields) -> [usize; 2] {
    let early = [
        left.revision != found.revision,
        left.subsystem != found.subsystem,
        left.buses != found.buses,
        left.dma && !found.dma,
    ];
    let late = [left.acs != found.acs, left.ari != found.ari];

    [&early[..], &late].map(|differ| differ.iter().filter(|&&it| it).count())
}
