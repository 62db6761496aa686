// SPDX-License-Identifier: GPL-2.0

//! A second decoder, to compare with: plain offsets, no types of the core, memory as needed.

use std::collections::BTreeMap;

/// The used entries in the order of the array: offset, segment, function, count.
pub type Entries = Vec<(usize, u32, u16, u16)>;

fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_ne_bytes([bytes[offset], bytes[offset + 1]])
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_ne_bytes(std::array::from_fn(|i| bytes[offset + i]))
}

/// Reads a block that spans all of `bytes`, or says where it is corrupt and how.
pub fn read(bytes: &[u8]) -> Result<Entries, String> {
    let fits = (bytes.len() - 8) / 8;
    let max = u32_at(bytes, 0);
    let nr = u32_at(bytes, 4);

    if max as usize > fits {
        return Err(format!(
            "at offset 0: expected max_nr_devices <= {fits}, found {max}"
        ));
    }
    if nr > max {
        return Err(format!(
            "at offset 4: expected nr_devices <= {max}, found {nr}"
        ));
    }

    let mut used = Entries::new();
    for offset in (8..8 + 8 * max as usize).step_by(8) {
        let count = u16_at(bytes, offset + 6);
        if count > 0 {
            used.push((
                offset,
                u32_at(bytes, offset),
                u16_at(bytes, offset + 4),
                count,
            ));
        }
    }
    if used.len() != nr as usize {
        let used = used.len();
        return Err(format!(
            "at offset 4: expected nr_devices = {used}, the used entries, found {nr}"
        ));
    }

    let mut seen = BTreeMap::new();
    for &(offset, domain, bdf, _) in &used {
        if let Some(first) = seen.insert((domain, bdf), offset) {
            let name = name(domain, bdf);
            return Err(format!(
                "at offset {offset}: expected each function once, \
                 found {name} of offset {first} again"
            ));
        }
    }
    Ok(used)
}

/// The name of a function, as `lspci -D` would print it.
pub fn name(domain: u32, bdf: u16) -> String {
    let [bus, devfn] = bdf.to_be_bytes();

    format!("{domain:04x}:{bus:02x}:{:02x}.{}", devfn / 8, devfn % 8)
}
