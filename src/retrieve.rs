// SPDX-License-Identifier: GPL-2.0

//! What was handed over, from bytes to what the core knows.
//!
//! ```text
//!   retrieve_array()   -- check -- index --+
//!                                          +-- settle() -- compare -- incoming -- give_back()
//!   retrieve_blocks()  -- walk --- index --+
//! ```
//!
//! The memory is given back once everything was accepted, also by the record. What is refused stays
//! reserved: a device may be writing to memory that a damaged list names.

use crate::{
    abi::{
        self,
        blocks::{
            Block,
            Head,
            Memory, //
        },
        Corrupt,
        CorruptList,
        Place,
        Ser,
        Unreadable, //
    },
    core::{
        Core,
        Handover,
        Incoming, //
    },
    device::find,
    fabric::leftover::stop_leftover,
    logic::{
        compare,
        Arrival,
        Arrivals,
        Differ,
        Function,
        IndexError, //
    },
    report::{
        stats::Event,
        tracepoints, //
    },
    xindex::XIndex, //
};
use core::mem;
use kernel::{
    fmt,
    kho,
    page::PAGE_SIZE,
    prelude::*, //
};

const _: () = assert!(abi::blocks::SIZE == PAGE_SIZE);

/// What was handed over.
#[derive(Default)]
pub(crate) struct Lists {
    array: Option<List>,
    blocks: Option<List>,
    /// The version of `pci`, if it is not known.
    pub(crate) unknown: Option<u32>,
    /// How many lists were accepted, and not finished since.
    unfinished: u32,
}

impl Lists {
    /// Whether what is incoming is from one list, so that nothing confirms it.
    pub(crate) fn is_alone(&self) -> bool {
        self.unfinished == 1
    }
}

/// A list that is consistent, and its memory.
struct List {
    incoming: Incoming,
    memory: ListMemory,
}

/// The memory of a list, which leaks unless it is given back.
enum ListMemory {
    Array(mem::ManuallyDrop<kho::Restored<Ser>>),
    Blocks(kho::Handle<kho::Cpu>),
}

impl ListMemory {
    fn give_back(self) {
        match self {
            Self::Array(ser) => drop(mem::ManuallyDrop::into_inner(ser)),
            Self::Blocks(handle) => give_back(handle),
        }
    }
}

/// The memory of the lists that were taken over, which leaks unless it is given back.
#[must_use]
pub(crate) struct Settled([Option<ListMemory>; 2]);

impl Settled {
    /// Frees it: nothing else disagrees with the lists.
    pub(crate) fn give_back(self) {
        self.0.into_iter().flatten().for_each(ListMemory::give_back);
    }
}

/// What the handle of `pci` leads to.
struct Preserved<'a>(&'a kho::Handle<kho::Cpu>);

impl Memory for Preserved<'_> {
    fn block(&self, address: u64) -> Option<&Block> {
        // SAFETY: The format says that such addresses are those of blocks, which are memory of the
        // PCI core alone.
        unsafe { self.0.peek_linked(address) }.ok()
    }
}

/// Frees a list of blocks that was read to its end.
fn give_back(mut handle: kho::Handle<kho::Cpu>) {
    let mut next = handle.peek::<Head>().map_or(0, |head| head.first);

    // SAFETY: As above.
    while let Ok(block) = unsafe { handle.take_linked::<Block>(next) } {
        next = block.next;
    }
    drop(kho::Restored::<Head>::take(handle));
}

impl Arrivals for KVVec<Arrival> {
    type Error = Error;

    fn push(&mut self, arrival: Arrival) -> Result {
        Ok(KVVec::push(self, arrival, GFP_KERNEL)?)
    }
}

impl Core {
    /// Decodes what was handed over as `pci-v3`.
    pub(crate) fn retrieve_array(&self, handle: kho::Handle<kho::Cpu>) -> Result {
        let ser = kho::Restored::<Ser>::take(handle).map_err(|error| {
            let null = error == ENOENT;
            pr_err!("handover refused: pci-v3: {}\n", Corrupt::Nowhere { null });
            // Not ENOENT, with which LUO says that nothing was handed over.
            EINVAL
        })?;
        let ser = mem::ManuallyDrop::new(ser);
        let incoming = decode_array(&ser).map_err(Refusal::log)?;

        self.directions.lock().lists.array = Some(List {
            incoming,
            memory: ListMemory::Array(ser),
        });
        Ok(())
    }

    /// Decodes what was handed over as `pci`. Fails with `EPROTO` if its version is not known.
    pub(crate) fn retrieve_blocks(&self, handle: kho::Handle<kho::Cpu>) -> Result {
        let incoming = {
            let head = handle.peek::<Head>().map_err(|error| {
                let null = error == ENOENT;
                pr_err!("handover refused: pci: {}\n", CorruptList::Nowhere { null });
                EINVAL
            })?;
            self.read_blocks(head, &Preserved(&handle))?
        };

        self.directions.lock().lists.blocks = Some(List {
            incoming,
            memory: ListMemory::Blocks(handle),
        });
        Ok(())
    }

    fn read_blocks(&self, head: &Head, memory: &Preserved<'_>) -> Result<Incoming> {
        decode_blocks(head, memory).map_err(|why| match why {
            Refusal::Version(version) => {
                self.directions.lock().lists.unknown = Some(version);
                EPROTO
            }
            why => why.log(),
        })
    }

    /// Takes over what was retrieved, if all of it says the same.
    pub(crate) fn settle(&self) -> Result<Settled, Differ> {
        let lists = mem::take(&mut self.directions.lock().lists);
        let (one, other) = match (lists.array, lists.blocks) {
            (Some(array), Some(blocks)) => {
                compare(&array.incoming, &blocks.incoming)?;
                (array, Some(blocks))
            }
            (Some(one), None) | (None, Some(one)) => (one, None),
            (None, None) => return Ok(Settled([None, None])),
        };
        let unfinished = 1 + u32::from(other.is_some());

        self.take_over(one.incoming, unfinished);
        Ok(Settled([Some(one.memory), other.map(|list| list.memory)]))
    }

    /// Forgets what was retrieved. It is refused, and stays reserved.
    pub(crate) fn forget_lists(&self) {
        drop(mem::take(&mut self.directions.lock().lists));
    }

    fn take_over(&self, incoming: Incoming, unfinished: u32) {
        let mut directions = self.directions.lock();

        directions.incoming = Some(incoming);
        directions.lists.unfinished = unfinished;
        drop(directions);
        self.set_handover(Handover::Devices);
    }

    /// Takes over what the previous kernel says in `ser` alone.
    #[cfg(any(
        CONFIG_PCI_LIVEUPDATE_KUNIT_TEST,
        CONFIG_PCI_LIVEUPDATE_BENCH //
    ))]
    pub(crate) fn begin_incoming(&self, ser: &Ser) -> Result {
        self.take_over(decode_array(ser).map_err(Refusal::log)?, 1);
        Ok(())
    }

    /// Finishes one of the lists that were handed over.
    pub(crate) fn finish_list(&self) {
        let mut directions = self.directions.lock();
        let before = directions.lists.unfinished;

        directions.lists.unfinished = before.saturating_sub(1);
        drop(directions);
        // None is counted if they were refused: then all stays as it is.
        if before == 1 {
            self.end_incoming();
        }
    }

    /// Drops what is left of the handover with the last file.
    fn end_incoming(&self) {
        self.set_handover(Handover::Nothing);
        let gone = self.directions.lock().incoming.take();
        let entries = gone.iter().flat_map(Incoming::iter);

        for entry in entries.filter(|entry| entry.is_unfinished()) {
            let key = entry.key;
            pr_warn!("{key}: not finished by any driver; no longer incoming\n");
            self.stats.count(Event::Leftover);
            tracepoints::leftover(key);
            if let Some(dev) = find(key) {
                (&*dev).set_incoming(None);
                stop_leftover(dev);
            }
        }
    }
}

/// Why a list is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// An array is damaged.
    Array(Corrupt),
    /// A list of blocks is damaged.
    Blocks(CorruptList),
    /// A list of blocks has a version that is not known.
    Version(u32),
    /// There is no memory for what it says about so many functions.
    NoMemory(u32, Error),
}

impl Refusal {
    #[cold]
    fn log(self) -> Error {
        pr_err!("handover refused: {self}\n");
        match self {
            Self::NoMemory(_, error) => error,
            _ => EINVAL,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Array(corrupt) => write!(f, "pci-v3: {corrupt}"),
            Self::Blocks(corrupt) => write!(f, "pci: {corrupt}"),
            Self::Version(version) => write!(f, "pci: {}", Unreadable::Version(*version)),
            Self::NoMemory(nr, _) => write!(f, "no memory for its {nr} entries"),
        }
    }
}

/// Decodes and indexes an array.
pub(crate) fn decode_array(ser: &Ser) -> Result<Incoming, Refusal> {
    let devices = abi::check(ser).map_err(Refusal::Array)?;
    let used = (0u32..).zip(devices).filter(|(_, dev)| dev.is_used());

    index(
        used.map(|(nr, dev)| Arrival::new(nr, dev)),
        ser.nr_devices,
        |key, first, again| Refusal::Array(Corrupt::repeated(key, first, again)),
    )
}

/// Decodes and indexes a list of blocks.
pub(crate) fn decode_blocks(head: &Head, memory: &impl Memory) -> Result<Incoming, Refusal> {
    let list = abi::walk(head, memory).map_err(|why| match why {
        Unreadable::Version(version) => Refusal::Version(version),
        Unreadable::Corrupt(corrupt) => Refusal::Blocks(corrupt),
    })?;

    let used = list.used().map(|(Place(nr), dev)| Arrival::new(nr, dev));
    let incoming = index(used, list.nr_used(), |key, first, again| {
        Refusal::Blocks(CorruptList::Repeated {
            key,
            first: Place(first),
            again: Place(again),
        })
    })?;
    Ok(match list.counts_bridges() {
        true => incoming,
        false => incoming.without_bridges(),
    })
}

/// Indexes `nr` entries. `repeated` is told of two that name the same function.
fn index(
    used: impl Iterator<Item = Arrival>,
    nr: u32,
    repeated: impl FnOnce(abi::Key, u32, u32) -> Refusal,
) -> Result<Incoming, Refusal> {
    let no_memory = |error| Refusal::NoMemory(nr, error);
    let entries = collect(used, nr).map_err(no_memory)?;
    let index = XIndex::new().map_err(no_memory)?;

    Incoming::new(entries, index).map_err(|error| match error {
        IndexError::Repeated { key, first, again } => repeated(key, first, again),
        IndexError::Full(error) => no_memory(error),
    })
}

fn collect(used: impl Iterator<Item = Arrival>, nr: u32) -> Result<KVVec<Arrival>> {
    // CAST: `CONFIG_PCI_LIVEUPDATE` depends on `CONFIG_64BIT`.
    let mut entries = KVVec::with_capacity(nr as usize, GFP_KERNEL)?;

    for arrival in used {
        entries.push(arrival, GFP_KERNEL)?;
    }
    Ok(entries)
}
