// SPDX-License-Identifier: GPL-2.0

//! The objects whose life LUO ties to that of the preserved files: one for each format.
//!
//! ```text
//!   old kernel   first file preserved ── preserve()    last file unpreserved ── unpreserve()
//!   new kernel   boot::init() ── retrieve()            last file finished ───── finish()
//! ```
//!
//! They are registered together, but LUO counts each by itself. A table lives as long as its own
//! FLB, and says what the others say. What was handed over ends with the last list that is
//! finished.
//!
//! LUO calls all four with the mutex of the FLB held.

use crate::{
    abi::{
        blocks::{
            self,
            Block,
            Head, //
        },
        Ser,
        COMPATIBLE, //
    },
    core::{
        core,
        formats,
        Core,
        Outgoing,
        Tables, //
    },
    device::{
        find,
        nr_functions, //
    },
    logic::{
        entries_for,
        Array,
        Blocks,
        Entry,
        Format,
        Function,
        Page, //
    },
};
use kernel::{
    bindings,
    kho,
    liveupdate::flb,
    prelude::*, //
};

/// The array of `pci-v3`, as LUO sees it.
pub(crate) struct PciArray;

/// The blocks of `pci`, as LUO sees them.
pub(crate) struct PciBlocks;

/// What is registered with every file handler of a driver, unless the format is left out.
pub(crate) static ARRAY: flb::Static<PciArray> = flb::Static::new();

/// The second one.
pub(crate) static BLOCKS: flb::Static<PciBlocks> = flb::Static::new();

#[vtable]
impl flb::Flb for PciArray {
    const COMPATIBLE: &'static CStr = COMPATIBLE;

    type Access = kho::Cpu;
    type Outgoing = ();
    type Incoming = ();

    fn preserve() -> Result<(kho::Address<kho::Cpu>, ())> {
        preserve(Core::preserve_array)
    }

    fn unpreserve((): ()) {
        if let Some(core) = core() {
            drop(core.end_table(|tables| tables.array.take()));
        }
    }

    fn retrieve(handle: kho::Handle<kho::Cpu>) -> Result<()> {
        core().ok_or(ENODEV)?.retrieve_array(handle)
    }

    fn finish((): ()) {
        if let Some(core) = core() {
            core.finish_list();
        }
    }
}

#[vtable]
impl flb::Flb for PciBlocks {
    const COMPATIBLE: &'static CStr = blocks::COMPATIBLE;

    type Access = kho::Cpu;
    type Outgoing = ();
    type Incoming = ();

    fn preserve() -> Result<(kho::Address<kho::Cpu>, ())> {
        preserve(Core::preserve_blocks)
    }

    fn unpreserve((): ()) {
        if let Some(core) = core() {
            drop(core.end_table(|tables| tables.blocks.take()));
        }
    }

    fn retrieve(handle: kho::Handle<kho::Cpu>) -> Result<()> {
        core().ok_or(ENODEV)?.retrieve_blocks(handle)
    }

    fn finish((): ()) {
        if let Some(core) = core() {
            core.finish_list();
        }
    }
}

/// Registers the FLBs of all formats with a handler.
///
/// # Safety
///
/// `handler` must point to a handler that is registered with LUO, or is about to be.
pub(crate) unsafe fn register(handler: *mut bindings::liveupdate_file_handler) -> Result {
    let formats = formats();

    if formats.has(Format::Array) {
        // SAFETY: By the safety requirements of this function.
        unsafe { ARRAY.register(handler) }?;
    }
    if formats.has(Format::Blocks) {
        // SAFETY: By the safety requirements of this function.
        let registered = unsafe { BLOCKS.register(handler) };
        if registered.is_err() && formats.has(Format::Array) {
            // SAFETY: It was registered above.
            unsafe { ARRAY.unregister(handler) };
        }
        registered?;
    }
    Ok(())
}

/// Undoes [`register`].
///
/// # Safety
///
/// `register()` must have succeeded for `handler`.
pub(crate) unsafe fn unregister(handler: *mut bindings::liveupdate_file_handler) {
    let formats = formats();

    if formats.has(Format::Blocks) {
        // SAFETY: By the safety requirements of this function.
        unsafe { BLOCKS.unregister(handler) };
    }
    if formats.has(Format::Array) {
        // SAFETY: By the safety requirements of this function.
        unsafe { ARRAY.unregister(handler) };
    }
}

/// Adds a table, which `add` makes of that many entries at least. It tells whether that was enough.
fn preserve(
    add: impl Fn(&Core, usize) -> Result<Option<kho::Address<kho::Cpu>>>,
) -> Result<(kho::Address<kho::Cpu>, ())> {
    let core = core().ok_or(ENODEV)?;

    loop {
        let nr = core.nr_entries().ok_or(E2BIG)?;
        let failed = |_: &Error| pr_err!("no memory for a table of {nr} functions\n");

        // Anew if another table with more entries was added meanwhile.
        if let Some(address) = add(core, nr).inspect_err(failed)? {
            return Ok((address, ()));
        }
    }
}

impl Page for kho::Folio<Block> {
    fn address(&self) -> u64 {
        self.phys()
    }
}

impl Core {
    /// How many entries a table needs: as many as there are, or for the functions that are there.
    pub(crate) fn nr_entries(&self) -> Option<usize> {
        let there = self
            .directions
            .lock()
            .outgoing
            .as_ref()
            .map(Outgoing::capacity);

        there.or_else(|| entries_for(nr_functions()))
    }

    fn preserve_array(&self, nr: usize) -> Result<Option<kho::Address<kho::Cpu>>> {
        let size = Ser::size_for(nr).ok_or(E2BIG)?;
        let mut memory = kho::Folio::<Ser>::zeroed(size)?;
        let address = memory.preserve()?;

        Ok(self.begin_array(memory)?.then_some(address))
    }

    fn preserve_blocks(&self, nr: usize) -> Result<Option<kho::Address<kho::Cpu>>> {
        let (mut head, mut pages) = memory_for_blocks(nr)?;
        let address = head.preserve()?;

        for page in pages.iter_mut() {
            page.preserve()?;
        }
        Ok(self.begin_blocks(head, pages)?.then_some(address))
    }

    /// Has what is preserved written into an array. Returns whether there is room.
    pub(crate) fn begin_array(&self, memory: kho::Folio<Ser>) -> Result<bool> {
        let array = Array::new(memory);

        // CAST: `CONFIG_PCI_LIVEUPDATE` depends on `CONFIG_64BIT`.
        let capacity = array.capacity() as usize;
        self.add_table(capacity, |tables| tables.array = Some(array))
    }

    /// Has what is preserved written into blocks. Returns whether there is room.
    pub(crate) fn begin_blocks(
        &self,
        head: kho::Folio<Head>,
        pages: KVVec<kho::Folio<Block>>,
    ) -> Result<bool> {
        let blocks = Blocks::new(head, pages);

        // CAST: `CONFIG_PCI_LIVEUPDATE` depends on `CONFIG_64BIT`.
        let capacity = blocks.capacity() as usize;
        self.add_table(capacity, |tables| tables.blocks = Some(blocks))
    }

    /// Has one more table say what is preserved. Returns whether it has room for that.
    fn add_table(&self, capacity: usize, add: impl FnOnce(&mut Tables)) -> Result<bool> {
        let entries = KVVec::from_elem(Entry::default(), capacity, GFP_KERNEL)?;
        let mut directions = self.directions.lock();

        match directions.outgoing.as_mut() {
            Some(outgoing) if outgoing.capacity() > capacity => return Ok(false),
            Some(outgoing) => outgoing.change_table(add),
            None => {
                let mut outgoing = Outgoing::new(Tables::NONE, entries);
                outgoing.change_table(add);
                directions.outgoing = Some(outgoing);
            }
        }
        Ok(true)
    }

    /// Has no longer a table say what is preserved. Returns it, to be freed.
    ///
    /// What is preserved is forgotten with the last one.
    pub(crate) fn end_table<T>(&self, end: impl FnOnce(&mut Tables) -> T) -> Option<T> {
        let (table, gone) = {
            let mut directions = self.directions.lock();
            let outgoing = directions.outgoing.as_mut()?;
            let mut table = None;

            outgoing.change_table(|tables| table = Some(end(tables)));
            let last = outgoing.table().is_empty();
            (table, last.then(|| directions.outgoing.take()).flatten())
        };

        if let Some(gone) = &gone {
            forget(gone);
        }
        table
    }
}

/// Memory for the head of a list, and for the blocks of `nr` entries.
pub(crate) fn memory_for_blocks(nr: usize) -> Result<(kho::Folio<Head>, KVVec<kho::Folio<Block>>)> {
    let nr = Blocks::<kho::Folio<Head>, KVVec<kho::Folio<Block>>>::pages_for(nr);
    let head = kho::Folio::zeroed(size_of::<Head>())?;
    let mut pages = KVVec::with_capacity(nr, GFP_KERNEL)?;

    for _ in 0..nr {
        pages.push(kho::Folio::zeroed(size_of::<Block>())?, GFP_KERNEL)?;
    }
    Ok((head, pages))
}

/// Forgets the devices that are preserved when nothing is handed over any more.
fn forget(gone: &Outgoing) {
    for entry in gone.iter() {
        let key = entry.ser.key();
        pr_warn!("{key}: still preserved after the last file; the next kernel will not know\n");
        if let Some(dev) = find(key) {
            (&*dev).set_outgoing(None);
        }
    }
}
