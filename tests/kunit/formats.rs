// SPDX-License-Identifier: GPL-2.0

//! What is handed over in both formats, as this kernel and the C code of KHO read it.

use super::{
    bare::Shape,
    fixture::Fixture, //
};
use crate::{
    abi::{
        blocks::{
            Block,
            Head, //
        },
        Ser, //
    },
    core::Handover,
    flb::{
        memory_for_blocks,
        PciArray,
        PciBlocks, //
    },
};
use core::mem;
use kernel::{
    kho,
    liveupdate::flb::Flb,
    page::PAGE_SIZE,
    prelude::*, //
};

extern "C" {
    fn pci_liveupdate_test_hand_over(phys: u64);
    fn pci_liveupdate_test_restore_blocks(phys: u64, counts: *mut u64) -> c_long;
}

/// Makes a folio memory of the previous kernel, and returns where it is.
fn hand_over<T: ?Sized>(folio: kho::Folio<T>) -> u64 {
    let phys = folio.phys();

    mem::forget(folio);
    // SAFETY: It is a folio, which nobody uses any more.
    unsafe { pci_liveupdate_test_hand_over(phys) };
    phys
}

/// A handle for it.
pub(super) fn handle(phys: u64) -> kho::Handle<kho::Cpu> {
    // SAFETY: What is there was handed over, and belongs to the test. There is one handle at a time
    // that is used.
    unsafe { kho::Handle::from_raw(phys) }
}

/// Whether memory is still that of the previous kernel.
pub(super) fn is_reserved(phys: u64) -> bool {
    handle(phys).size().is_ok()
}

/// Where both lists are.
pub(super) struct HandedOver {
    pub(super) array: u64,
    pub(super) head: u64,
    pub(super) blocks: KVVec<u64>,
}

impl HandedOver {
    pub(super) fn new(array: kho::Folio<Ser>, blocks: (kho::Folio<Head>, Pages)) -> Result<Self> {
        let (head, pages) = blocks;
        let mut blocks = KVVec::with_capacity(pages.len(), GFP_KERNEL)?;

        for page in pages {
            blocks.push(hand_over(page), GFP_KERNEL)?;
        }
        Ok(Self {
            array: hand_over(array),
            head: hand_over(head),
            blocks,
        })
    }

    /// How many folios of both lists are still memory of the previous kernel.
    fn nr_reserved(&self) -> usize {
        let blocks = self.blocks.iter().filter(|phys| is_reserved(**phys));

        blocks.count()
            + [self.array, self.head]
                .map(is_reserved)
                .map(usize::from)
                .iter()
                .sum::<usize>()
    }

    /// Has both retrieved, as LUO does at boot.
    pub(super) fn retrieve(&self) -> [Result<(), Error>; 2] {
        [
            PciArray::retrieve(handle(self.array)),
            PciBlocks::retrieve(handle(self.head)),
        ]
    }

    /// Gives all that is left back.
    pub(super) fn free(&self) {
        let free = |phys| drop(kho::Restored::<[u8]>::take(handle(phys)));

        self.blocks.iter().copied().for_each(free);
        [self.array, self.head].into_iter().for_each(free);
    }
}

pub(super) type Pages = KVVec<kho::Folio<Block>>;

/// What a kernel hands over that preserves `nr` devices, each in a segment of its own.
pub(super) fn preserved(core: &Fixture, nr: u32) -> Result<HandedOver> {
    let built = Shape {
        segments: nr,
        endpoints: 1,
        depth: 1,
    }
    .build()?;

    core.start_outgoing(built.endpoints.len())?;
    for dev in built.endpoints.iter() {
        core.preserve(built.topology.get(*dev))?;
    }

    let tables = core.take_tables();
    let (array, blocks) = (tables.array.ok_or(ENOENT)?, tables.blocks.ok_or(ENOENT)?);
    HandedOver::new(array.into_memory(), blocks.into_memory())
}

/// One block with `count` entries, of which the first is used, and its head.
pub(super) fn one_block(count: u64, bdf: u16) -> Result<(kho::Folio<Head>, Pages)> {
    let (mut head, mut pages) = memory_for_blocks(1)?;
    let page = pages.first_mut().ok_or(EINVAL)?;

    (head.version, head.nr_devices, head.first) = (2, 1, page.phys());
    page.count = count;
    let dev = page.devices.first_mut().ok_or(EINVAL)?;
    (dev.bdf, dev.refcount) = (bdf, 1);
    Ok((head, pages))
}

/// The same device in an array.
fn one_entry(bdf: u16) -> Result<kho::Folio<Ser>> {
    let mut ser = kho::Folio::<Ser>::zeroed(PAGE_SIZE)?;

    (ser.max_nr_devices, ser.nr_devices) = (1, 1);
    let dev = ser.devices.first_mut().ok_or(EINVAL)?;
    (dev.bdf, dev.refcount) = (bdf, 1);
    Ok(ser)
}

/// The entries, and the sum of their counts, that KHO finds from the first block on.
fn restore_blocks(first: u64) -> Result<(c_long, u64)> {
    let mut counts = 0;

    // SAFETY: The blocks were handed over.
    match unsafe { pci_liveupdate_test_restore_blocks(first, &mut counts) } {
        // CAST: errors are small.
        error if error < 0 => Err(Error::from_errno(error as c_int)),
        nr => Ok((nr, counts)),
    }
}

#[kunit_tests(pci_liveupdate_formats)]
mod tests {
    use super::*;

    /// KHO's own reader finds each entry in the blocks that are linked, and gives these back.
    #[test]
    fn blocks_as_kho_reads_them() -> Result {
        for nr in [1, 509, 510, 511, 1020, 1021] {
            let core = Fixture::new()?;
            let lists = preserved(&core, nr)?;

            let first = handle(lists.head).peek::<Head>()?.first;
            // CAST: `long` has all numbers that 32 bits have.
            assert_eq!(restore_blocks(first)?, (nr as c_long, nr.into()));
            // CAST: nothing is lost.
            let used = nr.div_ceil(510) as usize;
            let freed = lists.blocks.iter().filter(|phys| !is_reserved(**phys));
            assert_eq!(freed.count(), used);
            lists.free();
        }
        Ok(())
    }

    /// KHO's reader refuses a block without entries, which is why none is linked before its first
    /// entry is used, and so does ours.
    #[test]
    fn block_without_entries() -> Result {
        let core = Fixture::new()?;
        for (count, accepted) in [(0, false), (1, true), (510, true), (511, false)] {
            let (head, pages) = one_block(count, 8)?;
            let lists = HandedOver::new(one_entry(8)?, (head, pages))?;
            let first = lists.blocks.first().copied().ok_or(EINVAL)?;

            assert_eq!(PciBlocks::retrieve(handle(lists.head)).is_ok(), accepted);
            assert_eq!(restore_blocks(first).is_ok(), accepted);
            core.forget_lists();
            lists.free();
        }
        Ok(())
    }

    /// Both lists are taken over as one, and all of their memory is given back. What is incoming
    /// ends with the last list that is finished.
    #[test]
    fn both() -> Result {
        let core = Fixture::new()?;
        let lists = preserved(&core, 600)?;

        assert_eq!(lists.nr_reserved(), lists.blocks.len() + 2);
        assert_eq!(lists.retrieve(), [Ok(()), Ok(())]);
        let settled = core.settle();
        assert!(settled.is_ok());
        assert_eq!(core.nr_incoming(), 600);
        // The record may still disagree.
        assert!(is_reserved(lists.head));
        settled.map_err(|_| EINVAL)?.give_back();
        // A page that was never linked stays with the previous kernel's other memory.
        assert!(
            lists
                .blocks
                .iter()
                .filter(|phys| is_reserved(**phys))
                .count()
                <= 1
        );
        lists.free();
        assert_eq!(lists.nr_reserved(), 0);

        core.forget_entries();
        PciBlocks::finish(());
        assert!(core.handover() == Handover::Devices);
        PciArray::finish(());
        assert!(core.handover() == Handover::Nothing);
        PciArray::finish(());
        Ok(())
    }

    /// Either list is enough.
    #[test]
    fn either() -> Result {
        for array in [true, false] {
            let core = Fixture::new()?;
            let lists = preserved(&core, 3)?;

            match array {
                true => PciArray::retrieve(handle(lists.array))?,
                false => PciBlocks::retrieve(handle(lists.head))?,
            }
            core.settle().map_err(|_| EINVAL)?.give_back();
            assert_eq!(core.nr_incoming(), 3);
            assert_eq!(is_reserved(lists.array), !array);
            assert_eq!(is_reserved(lists.head), array);
            lists.free();
            core.forget_entries();
            PciArray::finish(());
            assert!(core.handover() == Handover::Nothing);
        }
        Ok(())
    }

    /// Lists that do not say the same are refused, and stay where they are.
    #[test]
    fn disagreement() -> Result {
        let core = Fixture::new()?;
        let lists = HandedOver::new(one_entry(8)?, one_block(1, 9)?)?;

        assert_eq!(lists.retrieve(), [Ok(()), Ok(())]);
        assert!(core.settle().is_err());
        assert_eq!(core.nr_incoming(), 0);
        assert!(is_reserved(lists.head));
        assert!(lists.blocks.iter().all(|phys| is_reserved(*phys)));
        PciBlocks::finish(());
        PciArray::finish(());
        assert!(core.handover() == Handover::Nothing);
        lists.free();
        Ok(())
    }

    /// A version that is not known is told from damage.
    #[test]
    fn versions() -> Result {
        let core = Fixture::new()?;
        for version in [0, 1, 2, 3, u32::MAX] {
            let (mut head, pages) = one_block(1, 8)?;
            head.version = version;
            let lists = HandedOver::new(one_entry(8)?, (head, pages))?;
            let known = [1, 2].contains(&version);

            let expected = if known { Ok(()) } else { Err(EPROTO) };
            assert_eq!(lists.retrieve(), [Ok(()), expected]);
            let unknown = core.directions.lock().lists.unknown;
            assert_eq!(unknown, (!known).then_some(version));
            core.settle().map_err(|_| EINVAL)?.give_back();
            assert_eq!(core.nr_incoming(), 1);
            lists.free();
            core.forget_entries();
            PciArray::finish(());
            if known {
                PciBlocks::finish(());
            }
            assert!(core.handover() == Handover::Nothing);
        }
        Ok(())
    }

    /// A table that comes later gets all that is preserved, and each lives as long as its FLB.
    #[test]
    fn tables_come_and_go() -> Result {
        let core = Fixture::new()?;
        let built = Shape {
            segments: 300,
            endpoints: 2,
            depth: 2,
        }
        .build()?;

        core.start_outgoing(1000)?;
        for dev in built.endpoints.iter() {
            core.preserve(built.topology.get(*dev))?;
        }
        assert_eq!(core.nr_outgoing(), Some(900));
        drop(core.end_table(|tables| tables.blocks.take()));
        core.unpreserve(built.topology.get(*built.endpoints.first().ok_or(EINVAL)?));
        assert_eq!(core.nr_outgoing(), Some(899));

        let (head, pages) = memory_for_blocks(510)?;
        assert_eq!(core.begin_blocks(head, pages), Ok(false));
        let (head, pages) = memory_for_blocks(core.capacity())?;
        assert_eq!(core.begin_blocks(head, pages), Ok(true));
        assert_eq!(core.nr_outgoing(), Some(899));
        assert_eq!(core.inspect(), Some(true));
        for dev in built.endpoints.iter().skip(1) {
            core.unpreserve(built.topology.get(*dev));
        }
        assert_eq!(core.nr_outgoing(), Some(0));
        PciBlocks::unpreserve(());
        assert_eq!(core.inspect(), Some(true));
        PciArray::unpreserve(());
        assert_eq!(core.inspect(), None);
        Ok(())
    }
}
