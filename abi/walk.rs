// SPDX-License-Identifier: GPL-2.0

//! Checks a list of blocks that another kernel wrote.
//!
//! As [`check`](super::check) for one block, [`walk`] is a total function: it ends for any list,
//! and reads nothing but what [`Memory`] gives out.

use super::{
    blocks::{
        Block,
        Head,
        Memory,
        ENTRIES,
        MAX_BLOCKS,
        VERSION,
        VERSION_WITHOUT_BRIDGES, //
    },
    DevSer,
    Key, //
};
use core::{
    fmt,
    iter,
    mem::size_of, //
};

/// The place of an entry: its number, if all blocks are full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(pub u32);

impl Place {
    /// The number of the block, and that of the entry in it.
    pub const fn split(self) -> (usize, usize) {
        // CAST: nothing is lost where the core is built, which is for 64 bits.
        let nr = self.0 as usize;

        (nr / ENTRIES, nr % ENTRIES)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (block, entry) = self.split();
        let offset = Block::HEADER + entry * size_of::<DevSer>();

        write!(f, "offset {offset} of block {block}")
    }
}

/// The reason why a list is refused.
///
/// Printed as one line with the place, the expected and the found value. Blocks are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CorruptList {
    /// The address of the head is not that of memory from KHO.
    Nowhere {
        /// The address is null.
        null: bool,
    },
    /// The address of a block is not that of memory from KHO.
    Lost {
        /// The block.
        block: u32,
    },
    /// A block leads back to itself or to one before it.
    Loop {
        /// The block that is met again.
        first: u32,
        /// Its second number.
        again: u32,
    },
    /// There are more blocks than KHO puts up with.
    Endless,
    /// A block has no entries, or more than fit.
    Count {
        /// The block.
        block: u32,
        /// `count`.
        found: u64,
    },
    /// A count that is impossible in the version.
    Refcount {
        /// The entry.
        place: Place,
        /// `refcount`.
        found: u16,
    },
    /// `nr_devices` is not the number of used entries.
    Miscounted {
        /// `nr_devices`.
        found: u32,
        /// The used entries that were counted.
        used: u32,
    },
    /// Two used entries name the same function.
    Repeated {
        /// The function.
        key: Key,
        /// The first entry that names it.
        first: Place,
        /// The second entry that names it.
        again: Place,
    },
}

impl fmt::Display for CorruptList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere { null } => {
                let found = if *null { "a null handle" } else { "none" };
                write!(
                    f,
                    "at offset 0: expected memory preserved by KHO, found {found}"
                )
            }
            Self::Lost { block } => {
                write!(
                    f,
                    "at block {block}: expected memory preserved by KHO, found none"
                )
            }
            Self::Loop { first, again } => write!(
                f,
                "at block {again}: expected each block once, found block {first} again"
            ),
            Self::Endless => write!(
                f,
                "at block {MAX_BLOCKS}: expected at most {MAX_BLOCKS} blocks, found more"
            ),
            Self::Count { block, found } => write!(
                f,
                "at offset 8 of block {block}: expected 1 to {ENTRIES} entries, found {found}"
            ),
            Self::Refcount { place, found } => write!(
                f,
                "at {place}: expected a count of 0 or 1 in version 1, found {found}"
            ),
            Self::Miscounted { found, used } => write!(
                f,
                "at offset 4: expected nr_devices = {used}, the used entries, found {found}"
            ),
            Self::Repeated { key, first, again } => write!(
                f,
                "at {again}: expected each function once, found {key} of {first} again"
            ),
        }
    }
}

/// Why nothing can be made of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It has a version that is not known here, so that nothing else of it means anything.
    Version(u32),
    /// It is damaged.
    Corrupt(CorruptList),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(found) => write!(
                f,
                "at offset 0: expected version {VERSION_WITHOUT_BRIDGES} or {VERSION}, \
                 found {found}"
            ),
            Self::Corrupt(corrupt) => write!(f, "{corrupt}"),
        }
    }
}

/// A list of blocks that is consistent.
///
/// # Invariants
///
/// The list ends after at most [`MAX_BLOCKS`] blocks, all of which are in `memory`.
pub struct List<'a, M> {
    head: &'a Head,
    memory: &'a M,
}

impl<'a, M: Memory> List<'a, M> {
    /// Whether bridges have entries, and counts their meaning.
    pub fn counts_bridges(&self) -> bool {
        self.head.version != VERSION_WITHOUT_BRIDGES
    }

    /// The number of used entries.
    pub fn nr_used(&self) -> u32 {
        self.head.nr_devices
    }

    /// The addresses of the blocks.
    pub fn addresses(&self) -> impl Iterator<Item = u64> + use<'a, M> {
        let memory = self.memory;

        blocks(self.head, memory).map(|(address, _)| address)
    }

    /// The used entries, and where they are.
    pub fn used(&self) -> impl Iterator<Item = (Place, &'a DevSer)> + use<'a, M> {
        entries(self.head, self.memory).filter(|(_, dev)| dev.is_used())
    }
}

/// The blocks in their order, as far as `memory` has them, and no more than there may be.
fn blocks<'a, M: Memory>(
    head: &Head,
    memory: &'a M,
) -> impl Iterator<Item = (u64, &'a Block)> + use<'a, M> {
    let at = |address: u64| Some((address, memory.block(address)?));

    // CAST: nothing is lost where the core is built, which is for 64 bits.
    iter::successors(first(head).and_then(at), move |(_, block)| {
        next(block).and_then(at)
    })
    .take(MAX_BLOCKS as usize)
}

fn first(head: &Head) -> Option<u64> {
    (head.first != 0).then_some(head.first)
}

fn next(block: &Block) -> Option<u64> {
    (block.next != 0).then_some(block.next)
}

/// The entries of all blocks.
fn entries<'a, M: Memory>(
    head: &Head,
    memory: &'a M,
) -> impl Iterator<Item = (Place, &'a DevSer)> + use<'a, M> {
    let places = |block: usize| (0..).map(move |entry| block * ENTRIES + entry);

    blocks(head, memory)
        .enumerate()
        .flat_map(move |(nr, (_, block))| {
            let count = usize::try_from(block.count).unwrap_or(usize::MAX);
            places(nr).zip(block.devices.iter().take(count))
        })
        // CAST: `MAX_BLOCKS` blocks have fewer entries than 32 bits can count.
        .map(|(nr, dev)| (Place(nr as u32), dev))
}

const _: () = assert!(ENTRIES as u64 * (MAX_BLOCKS as u64) < u32::MAX as u64);

/// Returns the list that begins with `head`, if its numbers are consistent with each other.
///
/// This does not detect functions that are named twice, which takes memory. The caller does so when
/// it indexes the entries.
pub fn walk<'a, M: Memory>(head: &'a Head, memory: &'a M) -> Result<List<'a, M>, Unreadable> {
    if ![VERSION_WITHOUT_BRIDGES, VERSION].contains(&head.version) {
        return Err(Unreadable::Version(head.version));
    }

    // INVARIANT: `check_links()` saw that the list ends in time.
    let list = List { head, memory };
    check_links(head, memory).map_err(Unreadable::Corrupt)?;
    check_counts(&list).map_err(Unreadable::Corrupt)?;
    Ok(list)
}

/// Checks that the list ends, and that all of it is in memory of KHO.
fn check_links<M: Memory>(head: &Head, memory: &M) -> Result<(), CorruptList> {
    let mut address = first(head);

    for nr in 0..MAX_BLOCKS {
        let Some(block) = address else {
            return Ok(());
        };
        let block = memory.block(block).ok_or(CorruptList::Lost { block: nr })?;
        address = next(block);
    }
    match address {
        None => Ok(()),
        Some(_) => Err(find_loop(head, memory)),
    }
}

/// Tells why a list is too long, whose first [`MAX_BLOCKS`] blocks are in memory.
///
/// Each block leads to one other, so that a block which is met twice is part of a loop. It is found
/// as Brent does: the walker is compared with a block that is left behind for twice as long each
/// time.
#[cold]
fn find_loop<M: Memory>(head: &Head, memory: &M) -> CorruptList {
    let (mut anchor, mut length, mut limit) = (first(head), 0, 1u32);
    let follow = |address: Option<u64>| address.and_then(|a| next(memory.block(a)?));
    let mut walker = anchor;

    // A loop is found within three times its length and that of what leads to it.
    for _ in 0..4 * MAX_BLOCKS {
        walker = follow(walker);
        length += 1;
        if walker.is_none() {
            return CorruptList::Endless;
        }
        if walker == anchor {
            return name_loop(first(head), length, follow);
        }
        if length == limit {
            (anchor, length, limit) = (walker, 0, limit.saturating_mul(2));
        }
    }
    CorruptList::Endless
}

/// Names the first block of a loop of that length.
fn name_loop(
    first: Option<u64>,
    length: u32,
    follow: impl Fn(Option<u64>) -> Option<u64>,
) -> CorruptList {
    let Some(last) = MAX_BLOCKS.checked_sub(length) else {
        return CorruptList::Endless;
    };
    let ahead = (0..length).fold(first, |address, _| follow(address));
    let mut both = (first, ahead);

    for nr in 0..=last {
        if both.0 == both.1 {
            return CorruptList::Loop {
                first: nr,
                again: nr + length,
            };
        }
        both = (follow(both.0), follow(both.1));
    }
    CorruptList::Endless
}

/// Checks the numbers of a list that ends.
fn check_counts<M: Memory>(list: &List<'_, M>) -> Result<(), CorruptList> {
    for (nr, (_, block)) in (0u32..).zip(blocks(list.head, list.memory)) {
        let found = block.count;
        if found == 0 || usize::try_from(found).map_or(true, |count| count > ENTRIES) {
            return Err(CorruptList::Count { block: nr, found });
        }
    }

    let mut used = 0;
    for (place, dev) in list.used() {
        if !list.counts_bridges() && dev.refcount > 1 {
            let found = dev.refcount;
            return Err(CorruptList::Refcount { place, found });
        }
        used += 1;
    }
    match list.nr_used() {
        found if found == used => Ok(()),
        found => Err(CorruptList::Miscounted { found, used }),
    }
}
