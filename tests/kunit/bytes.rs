// SPDX-License-Identifier: GPL-2.0

//! A handover in which one byte is another: each byte, one after the other, through the decoders.
//!
//! Three devices behind a switch are handed over as `pci-v3`, as `pci`, and with their record. Each
//! byte is set to 0 and to 255, and its lowest and its highest bit are flipped. What may come of
//! that is listed by what the byte means. `tests/scenarios/corrupt_bytes.py` does the same between
//! two kernels.

use super::{
    bare::Topology,
    fixture::Fixture, //
};
use crate::{
    abi::{
        blocks::{
            Block,
            Head,
            Memory, //
        },
        identity::{
            Identity,
            Record, //
        },
        CorruptList,
        DevSer,
        Key,
        Ser, //
    },
    core::Incoming,
    logic::{
        compare,
        differences,
        late_differences,
        recognize,
        Arrival,
        Differ, //
    },
    retrieve::{
        decode_array,
        decode_blocks,
        Refusal, //
    },
};
use kernel::{
    fmt,
    kho,
    prelude::*, //
};

/// The changes. One that changes nothing is no try.
const CHANGES: [fn(u8) -> u8; 4] = [|_| 0, |_| 0xff, |byte| byte ^ 1, |byte| byte ^ 0x80];

/// The functions that are handed over: a root port, a switch, and a device below each port of it.
const FUNCTIONS: [u16; 8] = [
    0x0020, 0x0100, 0x0200, 0x0208, 0x0210, 0x0300, 0x0400, 0x0500,
];
const NR: usize = FUNCTIONS.len();
/// How many of them are bridges, which are the first ones.
const BRIDGES: usize = 5;

/// The address of the block of the list. Where it is in memory differs from boot to boot, and with
/// it what a changed byte of the address means: if there is only one that is not 0, setting it to 0
/// makes a list without blocks.
const BLOCK: u64 = 0x0001_2345_6000;

/// Functions that are there as well, and not handed over.
const OTHERS: [u16; 2] = [0x0000, 0x0301];

/// With one format alone and no record, these tries make another function that is there incoming
/// instead of the one that was handed over.
const ADOPTED: [(u16, u16); 8] = [
    (0x0020, 0x0000),
    // Two changes of its upper byte are the same.
    (0x0100, 0x0000),
    (0x0100, 0x0000),
    (0x0200, 0x0000),
    (0x0300, 0x0000),
    (0x0300, 0x0301),
    (0x0400, 0x0000),
    (0x0500, 0x0000),
];

/// Where something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// At that offset of what the handle of the FLB leads to.
    Offset(usize),
    /// At that block of a list, which is not there.
    Link(u32),
    /// At that offset of a block of the list.
    Block(u32, usize),
}

/// What the new kernel makes of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It is refused, for what is there.
    Refused(At),
    /// It is refused as two formats differ about that function.
    Differs(Key),
    /// It is taken for what it was.
    Same,
    /// The first function is missing: the second one is incoming in its place.
    Other(Key, Key),
    /// A function has another count.
    Count(Key),
    /// It has a version that is not known.
    Version,
    /// Another device is expected where that function is, so that it is not incoming.
    OtherDevice(Key),
    /// The state of the function is said to be different.
    Told(Key),
}

use Outcome::*;

/// How often each of them came about.
#[derive(Default)]
struct Tally {
    tries: u32,
    refused: u32,
    differs: u32,
    same: u32,
    other: u32,
    count: u32,
    version: u32,
    other_device: u32,
    told: u32,
    /// Those of `other` whose other function is there.
    adopted: u32,
}

impl Tally {
    fn note(&mut self, outcome: Outcome) {
        self.tries += 1;
        *match outcome {
            Refused(_) => &mut self.refused,
            Differs(_) => &mut self.differs,
            Same => &mut self.same,
            Other(..) => &mut self.other,
            Count(_) => &mut self.count,
            Version => &mut self.version,
            OtherDevice(_) => &mut self.other_device,
            Told(_) => &mut self.told,
        } += 1;
        if let Other(_, other) = outcome {
            self.adopted += u32::from(OTHERS.iter().any(|bdf| Key::new(0, *bdf) == other));
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tries", self.tries)?;
        for (nr, what) in [
            (self.refused, "refused"),
            (self.differs, "refused as the formats differ"),
            (self.version, "of another version"),
            (self.same, "mean nothing"),
            (self.count, "with another count"),
            (self.other, "name another function"),
            (self.adopted, "of them one that is there"),
            (self.other_device, "expect another device"),
            (self.told, "expect another state"),
        ] {
            if nr != 0 {
                write!(f, ", {nr} {what}")?;
            }
        }
        Ok(())
    }
}

/// The formats that are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    Array,
    Blocks,
    Both,
}

/// What can be changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Array,
    Head,
    Block,
    Record,
}

/// With KASAN, a try takes many times as long. Of the bytes behind the entries in use, one of so
/// many is then changed.
const STEP: usize = if cfg!(CONFIG_KASAN) { 64 } else { 1 };

impl Part {
    /// Whether that byte is changed.
    fn is_tried(self, at: usize) -> bool {
        let in_use = match self {
            Part::Array => Ser::offset_of(NR),
            Part::Head => size_of::<Head>(),
            Part::Block => Block::HEADER + NR * size_of::<DevSer>(),
            Part::Record => Record::offset_of(NR),
        };

        at < in_use || at % STEP == 0
    }
}

/// What is handed over.
struct HandedOver {
    array: kho::Folio<Ser>,
    head: kho::Folio<Head>,
    pages: KVVec<kho::Folio<Block>>,
    record: kho::Folio<Record>,
}

impl Memory for HandedOver {
    fn block(&self, address: u64) -> Option<&Block> {
        let page = self.pages.first().filter(|_| address == BLOCK);

        page.map(|page| &**page)
    }
}

/// What a device says of itself.
fn identity(nr: usize, key: Key) -> Identity {
    let is_bridge = nr < BRIDGES;
    let acs = if is_bridge { Identity::ACS } else { 0 };

    Identity {
        domain: key.domain(),
        bdf: key.bdf(),
        flags: Identity::USED | Identity::DMA | acs,
        header_type: is_bridge.into(),
        vendor: 0x8086,
        device: 0x10d3,
        subsystem_vendor: 0x8086,
        subsystem: 0xa01f,
        class_revision: 0x0200_0001,
        acs_ctrl: if is_bridge { 0x1d } else { 0 },
        buses: if is_bridge { [1, 2, 5] } else { [0; 3] },
        reserved: [0; 7],
    }
}

impl HandedOver {
    /// What a kernel hands over that preserves the three devices.
    fn new() -> Result<Self> {
        let core = Fixture::new()?;
        let mut topology = Topology::with_room(1, 6, NR + OTHERS.len())?;
        let root = topology.root(0, 0)?;
        let (_, bus) = topology.bridge(root, 0x20, 1)?;
        let (_, bus) = topology.bridge(bus, 0, 2)?;
        let ports = [
            topology.bridge(bus, 0x00, 3)?.1,
            topology.bridge(bus, 0x08, 4)?.1,
            topology.bridge(bus, 0x10, 5)?.1,
        ];

        core.start_outgoing(NR)?;
        for port in ports {
            let dev = topology.endpoint(port, 0)?;
            core.preserve(topology.get(dev))?;
        }
        let tables = core.take_tables();
        let (head, pages) = tables.blocks.ok_or(ENOENT)?.into_memory();
        let mut handed_over = Self {
            array: tables.array.ok_or(ENOENT)?.into_memory(),
            head,
            pages,
            record: kho::Folio::zeroed(Record::size_for(511).ok_or(EINVAL)?)?,
        };
        handed_over.head.first = BLOCK;

        let record = &mut handed_over.record;
        record.max_nr = u32::try_from(record.entries.len())?;
        for (nr, bdf) in FUNCTIONS.iter().enumerate() {
            let key = Key::new(0, *bdf);
            record.put(u32::try_from(nr)?, identity(nr, key));
        }
        Ok(handed_over)
    }

    fn bytes(&mut self, part: Part) -> &mut [u8] {
        match part {
            Part::Array => self.array.as_mut_bytes(),
            Part::Head => self.head.as_mut_bytes(),
            Part::Block => match self.pages.first_mut() {
                Some(page) => page.as_mut_bytes(),
                None => &mut [],
            },
            Part::Record => self.record.as_mut_bytes(),
        }
    }

    fn decode(&self, reads: Reads) -> Result<Incoming, Outcome> {
        let array = || decode_array(&self.array).map_err(|why| outcome_of(&why));
        let blocks = || decode_blocks(&self.head, self).map_err(|why| outcome_of(&why));

        match reads {
            Reads::Array => array(),
            Reads::Blocks => blocks(),
            Reads::Both => {
                let (array, blocks) = (array()?, blocks());
                // As at boot: the version is told, and the array read.
                if matches!(&blocks, Err(Version)) {
                    return Ok(array);
                }
                match compare(&array, &blocks?) {
                    Ok(()) => Ok(array),
                    Err(Differ { key, .. }) => Err(Differs(key)),
                }
            }
        }
    }

    /// Makes each change of a part, and asks `check` about it. It is told of the offset.
    fn each_change(
        &mut self,
        part: Part,
        mut check: impl FnMut(&Self, usize) -> Result<Outcome>,
    ) -> Result<Tally> {
        let mut tally = Tally::default();

        for at in (0..self.bytes(part).len()).filter(|at| part.is_tried(*at)) {
            for change in CHANGES {
                let byte = self.bytes(part).get_mut(at).ok_or(EINVAL)?;
                let old = *byte;
                if change(old) == old {
                    continue;
                }
                *byte = change(old);
                tally.note(check(self, at)?);
                *self.bytes(part).get_mut(at).ok_or(EINVAL)? = old;
            }
        }
        Ok(tally)
    }
}

/// Why a list is refused, and where.
fn outcome_of(why: &Refusal) -> Outcome {
    Refused(match why {
        Refusal::Array(corrupt) => At::Offset(corrupt.offset()),
        Refusal::Blocks(corrupt) => match corrupt {
            CorruptList::Nowhere { .. } => At::Offset(0),
            CorruptList::Miscounted { .. } => At::Offset(4),
            CorruptList::Lost { block } => At::Link(*block),
            CorruptList::Count { block, .. } => At::Block(*block, 8),
            CorruptList::Repeated { again, .. } => {
                let (block, entry) = again.split();
                // CAST: there is one block.
                At::Block(block as u32, Block::HEADER + entry * size_of::<DevSer>())
            }
            // Neither can come about: there is one block, and its version has all counts.
            CorruptList::Loop { .. } | CorruptList::Endless | CorruptList::Refcount { .. } => {
                At::Offset(usize::MAX)
            }
        },
        Refusal::Version(_) => return Version,
        Refusal::NoMemory(..) => At::Offset(usize::MAX),
    })
}

/// Compares what a list says with what was handed over.
fn difference(found: &Incoming, expected: &[(Key, u16)]) -> Result<Outcome> {
    let missing = |it: &&(Key, u16)| found.count(it.0).is_none();
    let other_count = |it: &&(Key, u16)| found.count(it.0) != Some(it.1);
    let is_new = |it: &&Arrival| !expected.iter().any(|(key, _)| *key == it.key);

    let mut new = found.iter().filter(is_new);
    let outcome = match (expected.iter().find(missing), new.next()) {
        (Some((key, _)), Some(other)) => Other(*key, other.key),
        _ => match expected.iter().find(other_count) {
            Some((key, _)) => Count(*key),
            None => Same,
        },
    };
    match (new.next(), found.iter().count() == expected.len()) {
        (None, true) => Ok(outcome),
        _ => Err(EINVAL),
    }
}

/// What a byte of a list means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// The length of the array, or of a block, which may be any that covers what is in use.
    Length,
    /// The number of entries in use.
    Number,
    Version,
    /// The address of a block.
    Link(u32),
    /// Of an entry in use: the function.
    Function(usize),
    /// And its count.
    Count(usize),
    /// Of a free entry: the count, which would make it one in use.
    Free,
    /// Nothing: the function of a free entry, or behind the entries that mean anything.
    Nothing,
}

/// What the byte of an array of entries at that offset means. `counted` of them mean anything.
fn meaning_of_entries(offset: usize, counted: usize) -> Meaning {
    let (nr, field) = (offset / size_of::<DevSer>(), offset % size_of::<DevSer>());

    match (nr < NR, field < 6) {
        (true, true) => Meaning::Function(nr),
        (true, false) => Meaning::Count(nr),
        (false, false) if nr < counted => Meaning::Free,
        _ => Meaning::Nothing,
    }
}

fn meaning(part: Part, at: usize) -> Meaning {
    match (part, at) {
        (Part::Array, 0..4) => Meaning::Length,
        (Part::Array, 4..8) | (Part::Head, 4..8) => Meaning::Number,
        (Part::Array, _) => meaning_of_entries(at - Ser::HEADER, usize::MAX),
        (Part::Head, 0..4) => Meaning::Version,
        (Part::Head, _) => Meaning::Link(0),
        (Part::Block, 0..8) => Meaning::Link(1),
        (Part::Block, 8..16) => Meaning::Length,
        (Part::Block, _) => meaning_of_entries(at - Block::HEADER, NR),
        (Part::Record, _) => Meaning::Nothing,
    }
}

/// Whether one format alone may have that outcome.
fn may_be(part: Part, at: usize, outcome: Outcome, entries: &[(Key, u16)]) -> bool {
    let entry = |nr: usize| match part {
        Part::Array => At::Offset(Ser::offset_of(nr)),
        _ => At::Block(0, Block::HEADER + nr * size_of::<DevSer>()),
    };
    let key = |nr: usize| entries.get(nr).map(|(key, _)| *key);
    let number = Refused(At::Offset(4));

    match (meaning(part, at), outcome) {
        // Too short for what is in use.
        (Meaning::Length, it) if it == number => true,
        (Meaning::Length, Same) => true,
        (Meaning::Length, Refused(where_)) => match part {
            Part::Array => where_ == At::Offset(0),
            _ => where_ == At::Block(0, 8),
        },
        (Meaning::Number | Meaning::Free, it) => it == number,
        (Meaning::Version, it) => it == Version,
        (Meaning::Link(nr), it) => it == Refused(At::Link(nr)),
        (Meaning::Function(nr), Other(missing, _)) => key(nr) == Some(missing),
        // The function of another entry, one of which is the second one.
        (Meaning::Function(nr), Refused(where_)) => (nr..NR).any(|nr| where_ == entry(nr)),
        // No count, as if it was free.
        (Meaning::Count(_), it) if it == number => true,
        (Meaning::Count(nr), Count(of)) => key(nr) == Some(of),
        (Meaning::Nothing, it) => it == Same,
        _ => false,
    }
}

/// What was handed over, in the order of the entries.
fn entries(handed_over: &HandedOver, reads: Reads) -> Result<KVec<(Key, u16)>> {
    let mut entries = KVec::new();

    for arrival in handed_over.decode(reads).map_err(|_| EINVAL)?.iter() {
        entries.push((arrival.key, arrival.refcount), GFP_KERNEL)?;
    }
    match entries.len() {
        NR => Ok(entries),
        _ => Err(EINVAL),
    }
}

#[cold]
fn unexpected(at: usize, outcome: Outcome) -> Error {
    pr_err!("changed at offset {at}: {outcome:?}\n");
    EINVAL
}

/// Each change of a part, with one format alone.
fn alone(part: Part, reads: Reads) -> Result<Tally> {
    let mut handed_over = HandedOver::new()?;
    let expected = entries(&handed_over, reads)?;

    handed_over.each_change(part, |handed_over, at| {
        let outcome = match handed_over.decode(reads) {
            Ok(found) => difference(&found, &expected)?,
            Err(outcome) => outcome,
        };
        if let Other(from, to) = outcome {
            let listed = ADOPTED.contains(&(from.bdf(), to.bdf()));
            let there = to.domain() == 0 && OTHERS.contains(&to.bdf());
            if listed != there {
                return Err(unexpected(at, outcome));
            }
        }
        match may_be(part, at, outcome, &expected) {
            true => Ok(outcome),
            false => Err(unexpected(at, outcome)),
        }
    })
}

/// Each change of a part, with both formats.
fn with_both(part: Part) -> Result<Tally> {
    let mut handed_over = HandedOver::new()?;
    let expected = entries(&handed_over, Reads::Both)?;

    handed_over.each_change(part, |handed_over, at| {
        let outcome = match handed_over.decode(Reads::Both) {
            Ok(found) => difference(&found, &expected)?,
            Err(outcome) => outcome,
        };
        let expected = match meaning(part, at) {
            Meaning::Version | Meaning::Nothing => outcome == Same,
            Meaning::Function(nr) | Meaning::Count(nr) => {
                let key = expected.get(nr).map(|(key, _)| *key);
                match outcome {
                    // That of the array, which may be the changed one.
                    Differs(of) => key == Some(of) || meaning(part, at) == Meaning::Function(nr),
                    Refused(_) => true,
                    _ => false,
                }
            }
            Meaning::Length => matches!(outcome, Same | Refused(_)),
            _ => matches!(outcome, Refused(_)),
        };
        match expected {
            true => Ok(outcome),
            false => Err(unexpected(at, outcome)),
        }
    })
}

/// What a byte of a record may lead to.
fn record_may_be(at: usize, outcome: Outcome) -> bool {
    let Some(offset) = at.checked_sub(Record::HEADER) else {
        return match (at, outcome) {
            // A length that covers what is in use, or not.
            (0..4, Same) => true,
            (0..4, it) => [0, 4].map(At::Offset).map(Refused).contains(&it),
            (_, it) => it == Refused(At::Offset(4)),
        };
    };
    let (nr, field) = (
        offset / size_of::<Identity>(),
        offset % size_of::<Identity>(),
    );
    let Some(bdf) = FUNCTIONS.get(nr) else {
        // Flags make it one in use. All else of a free entry means nothing.
        return outcome
            == if field == 6 {
                Refused(At::Offset(4))
            } else {
                Same
            };
    };
    let key = Key::new(0, *bdf);
    let here = Refused(At::Offset(Record::offset_of(nr)));

    match field {
        // Not a function of the list, or that of another entry, one of which is the second one.
        0..6 => {
            let entries = (nr..NR).map(Record::offset_of);
            entries.map(At::Offset).any(|at| outcome == Refused(at))
        }
        6 => [here, Refused(At::Offset(4))].contains(&outcome),
        7..12 | 17..20 => outcome == OtherDevice(key),
        // ACS Control of a function that is not said to have ACS.
        20..22 if nr >= BRIDGES => outcome == Same,
        12..17 | 20..25 => outcome == Told(key),
        _ => outcome == here,
    }
}

/// What a record says, compared with what the functions are.
fn identified(incoming: &mut Incoming, record: &Record) -> Outcome {
    if let Err(damaged) = incoming.take_record(record) {
        return Refused(At::Offset(damaged.offset()));
    }

    let found = FUNCTIONS.iter().enumerate();
    for (nr, bdf) in found {
        let key = Key::new(0, *bdf);
        let there = identity(nr, key);
        let entry = incoming.iter().find(|entry| entry.key == key);
        let Some(expected) = entry.and_then(|entry| entry.expected) else {
            return Refused(At::Offset(usize::MAX));
        };
        if recognize(&expected, &there).is_err() {
            return OtherDevice(key);
        }
        let (early, late) = (
            differences(&expected, &there).count(),
            late_differences(&expected, &there).count(),
        );
        if early + late != 0 {
            return Told(key);
        }
    }
    Same
}

#[kunit_tests(pci_liveupdate_bytes)]
mod tests {
    use super::*;

    /// One format alone refuses what is not consistent. That it names another function, or has
    /// another count, it cannot know.
    #[test]
    fn array_alone() -> Result {
        let tally = alone(Part::Array, Reads::Array)?;

        pr_info!("every byte of pci-v3 alone: {tally}\n");
        assert_eq!(tally.adopted as usize, ADOPTED.len());
        Ok(())
    }

    #[test]
    fn list_alone() -> Result {
        let head = alone(Part::Head, Reads::Blocks)?;
        let block = alone(Part::Block, Reads::Blocks)?;

        pr_info!("every byte of the head of pci alone: {head}\n");
        pr_info!("every byte of the block of pci alone: {block}\n");
        assert_eq!(block.adopted as usize, ADOPTED.len());
        Ok(())
    }

    /// With two formats, nothing is taken that was not handed over.
    #[test]
    fn both() -> Result {
        for (name, part) in [
            ("pci-v3", Part::Array),
            ("the head of pci", Part::Head),
            ("the block of pci", Part::Block),
        ] {
            let tally = with_both(part)?;

            pr_info!("every byte of {name}, beside the other format: {tally}\n");
            assert_eq!((tally.other, tally.count), (0, 0));
        }
        Ok(())
    }

    /// A record that names another function, or one twice, is not used. What else it says about a
    /// function is seen when that function arrives.
    #[test]
    fn record() -> Result {
        let mut handed_over = HandedOver::new()?;
        let mut incoming = handed_over.decode(Reads::Both).map_err(|_| EINVAL)?;

        assert_eq!(identified(&mut incoming, &handed_over.record), Same);
        incoming.forget_identities();
        let tally = handed_over.each_change(Part::Record, |handed_over, at| {
            let outcome = identified(&mut incoming, &handed_over.record);
            incoming.forget_identities();
            match record_may_be(at, outcome) {
                true => Ok(outcome),
                false => Err(unexpected(at, outcome)),
            }
        })?;
        pr_info!("every byte of the record: {tally}\n");
        Ok(())
    }

    /// A record tells that one format names another function, as it has an entry for each that was
    /// handed over. Then all is refused.
    #[test]
    fn record_beside_one() -> Result {
        for (part, reads) in [(Part::Array, Reads::Array), (Part::Block, Reads::Blocks)] {
            let mut handed_over = HandedOver::new()?;
            let expected = entries(&handed_over, reads)?;
            let tally = handed_over.each_change(part, |handed_over, at| {
                let mut found = match handed_over.decode(reads) {
                    Ok(found) => found,
                    Err(outcome) => return Ok(outcome),
                };
                let outcome = difference(&found, &expected)?;
                let identified = identified(&mut found, &handed_over.record);
                match (outcome, identified) {
                    (Other(..), Refused(_)) | (Same | Count(_), Same) => Ok(outcome),
                    _ => Err(unexpected(at, identified)),
                }
            })?;
            assert_eq!(tally.adopted as usize, ADOPTED.len());
        }
        Ok(())
    }
}
