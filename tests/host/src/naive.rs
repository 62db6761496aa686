// SPDX-License-Identifier: GPL-2.0

//! A second decoder, to compare with: plain offsets, no types of the core, memory as needed.

use crate::image::Image;
use std::collections::{
    BTreeMap,
    BTreeSet, //
};

/// The used entries in the order of the array: offset, segment, function, count.
pub type Entries = Vec<(usize, u32, u16, u16)>;

/// The used entries of a list in its order: block, offset, segment, function, count.
pub type ListEntries = Vec<(usize, usize, u32, u16, u16)>;

pub(crate) fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_ne_bytes([bytes[offset], bytes[offset + 1]])
}

pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_ne_bytes(std::array::from_fn(|i| bytes[offset + i]))
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_ne_bytes(std::array::from_fn(|i| bytes[offset + i]))
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

/// Follows the list that begins in page `head`, or says where it goes wrong.
fn pages(image: &Image, first: u64) -> Result<Vec<&[u8]>, String> {
    let mut met: BTreeMap<u64, usize> = BTreeMap::new();
    let (mut pages, mut at) = (Vec::new(), first);

    while at != 0 {
        let nr = pages.len();
        if let Some(first) = met.insert(at, nr) {
            return Err(format!(
                "at block {nr}: expected each block once, found block {first} again"
            ));
        }
        if nr == 10_000 {
            return Err(format!(
                "at block {nr}: expected at most {nr} blocks, found more"
            ));
        }
        let page = image.page(at).ok_or(format!(
            "at block {nr}: expected memory preserved by KHO, found none"
        ))?;
        pages.push(page);
        at = u64_at(page, 0);
    }
    Ok(pages)
}

/// Reads the list of an image whose head is in page `head`, or says where it is corrupt and how.
///
/// Returns whether it has bridges, how many entries each block has, and the used ones.
pub fn read_list(image: &Image, head: usize) -> Result<(bool, Vec<u64>, ListEntries), String> {
    let bytes = &image.bytes()[head * 4096..];
    let (version, nr, first) = (u32_at(bytes, 0), u32_at(bytes, 4), u64_at(bytes, 8));

    if version != 1 && version != 2 {
        return Err(format!(
            "at offset 0: expected version 1 or 2, found {version}"
        ));
    }
    let pages = pages(image, first)?;
    let counts: Vec<_> = pages.iter().map(|page| u64_at(page, 8)).collect();
    for (block, &found) in counts.iter().enumerate() {
        if found == 0 || found > 510 {
            return Err(format!(
                "at offset 8 of block {block}: expected 1 to 510 entries, found {found}"
            ));
        }
    }

    let mut used = ListEntries::new();
    for (block, (page, &count)) in pages.iter().zip(&counts).enumerate() {
        for offset in (16..16 + 8 * count as usize).step_by(8) {
            let count = u16_at(page, offset + 6);
            if count > 1 && version == 1 {
                return Err(format!(
                    "at offset {offset} of block {block}: \
                     expected a count of 0 or 1 in version 1, found {count}"
                ));
            }
            if count > 0 {
                let (domain, bdf) = (u32_at(page, offset), u16_at(page, offset + 4));
                used.push((block, offset, domain, bdf, count));
            }
        }
    }
    if used.len() != nr as usize {
        let used = used.len();
        return Err(format!(
            "at offset 4: expected nr_devices = {used}, the used entries, found {nr}"
        ));
    }
    check_names(&used)?;
    Ok((version == 2, counts, used))
}

/// Says which function of a list is named twice.
fn check_names(used: &ListEntries) -> Result<(), String> {
    let mut seen = BTreeMap::new();

    for &(block, offset, domain, bdf, _) in used {
        if let Some((first, at)) = seen.insert((domain, bdf), (block, offset)) {
            let name = name(domain, bdf);
            return Err(format!(
                "at offset {offset} of block {block}: expected each function once, \
                 found {name} of offset {at} of block {first} again"
            ));
        }
    }
    Ok(())
}

/// Reads an image with an array in page 0 and a list whose head is in page 1.
pub fn read_both(image: &Image) -> Result<(), String> {
    let array: Vec<_> = read(&image.bytes()[..4096])?
        .into_iter()
        .map(|(_, domain, bdf, count)| ((domain, bdf), count))
        .collect();
    let (bridges, _, list) = read_list(image, 1)?;
    let list: Vec<_> = list
        .into_iter()
        .map(|(_, _, domain, bdf, count)| ((domain, bdf), count))
        .collect();

    let in_array: BTreeMap<_, _> = array.iter().copied().collect();
    let in_list: BTreeMap<_, _> = list.iter().copied().collect();
    let mut seen = BTreeSet::new();
    for &(function, _) in array.iter().chain(&list) {
        let (one, other) = (in_array.get(&function), in_list.get(&function));
        let same = if bridges { one == other } else { one.is_some() };
        if seen.insert(function) && !same {
            let say = |count: Option<&u16>| count.map_or("no entry".to_owned(), u16::to_string);
            return Err(format!(
                "expected {} with one count, found {} in pci-v3 and {} in pci",
                name(function.0, function.1),
                say(one),
                say(other)
            ));
        }
    }
    Ok(())
}

/// The name of a function, as `lspci -D` would print it.
pub fn name(domain: u32, bdf: u16) -> String {
    let [bus, devfn] = bdf.to_be_bytes();

    format!("{domain:04x}:{bus:02x}:{:02x}.{}", devfn / 8, devfn % 8)
}
