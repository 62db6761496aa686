// SPDX-License-Identifier: GPL-2.0

//! The object whose life LUO ties to that of the preserved files.
//!
//! ```text
//!   old kernel   first file preserved ── preserve()    last file unpreserved ── unpreserve()
//!   new kernel   init() ── retrieve()                  last file finished ───── finish()
//! ```
//!
//! LUO calls all four with the mutex of the FLB held. [`init`] gets the incoming object and puts it
//! at once: a reference that is kept would keep the last file from finishing it.

use crate::{
    abi::{
        self,
        Corrupt,
        Ser, //
    },
    core::{
        core,
        Core,
        Handover,
        Incoming,
        Outgoing, //
    },
    device::{
        find,
        nr_functions, //
    },
    fabric::leftover::stop_leftover,
    logic::{
        size_for,
        Array,
        Arrival,
        Entry,
        Function,
        IndexError,
        Policy, //
    },
    record::RECORD,
    report::{
        stats::Event,
        tracepoints, //
    },
    xindex::XIndex, //
};
use core::mem;
use kernel::{
    bindings,
    error::to_result,
    kho,
    liveupdate::flb,
    prelude::*, //
};

/// The PCI core, as LUO sees it.
pub(crate) struct PciFlb;

/// What is registered with every file handler of a driver.
pub(crate) static FLB: flb::Static<PciFlb> = flb::Static::new();

#[vtable]
impl flb::Flb for PciFlb {
    const COMPATIBLE: &'static CStr = abi::COMPATIBLE;

    type Access = kho::Cpu;
    type Outgoing = ();
    type Incoming = ();

    fn preserve() -> Result<(kho::Address<kho::Cpu>, ())> {
        let core = core().ok_or(ENODEV)?;
        let nr = nr_functions();
        let failed = |_: &Error| pr_err!("no memory for a table of {nr} functions\n");

        let size = size_for(nr).ok_or(E2BIG).inspect_err(failed)?;
        let mut memory = kho::Folio::<Ser>::zeroed(size).inspect_err(failed)?;
        let address = memory.preserve().inspect_err(failed)?;
        core.begin_outgoing(memory).inspect_err(failed)?;
        Ok((address, ()))
    }

    fn unpreserve((): ()) {
        if let Some(core) = core() {
            core.end_outgoing();
        }
    }

    fn retrieve(handle: kho::Handle<kho::Cpu>) -> Result<()> {
        let core = core().ok_or(ENODEV)?;
        let ser = kho::Restored::<Ser>::take(handle).map_err(|error| {
            let null = error == ENOENT;
            pr_err!("handover refused: {}\n", Corrupt::Nowhere { null });
            // Not ENOENT, with which LUO says that nothing was handed over.
            EINVAL
        })?;

        core.begin_incoming(&ser).inspect_err(|_| {
            // A device may be writing to memory that a corrupt handover names.
            mem::forget(ser);
        })
    }

    fn finish((): ()) {
        if let Some(core) = core() {
            core.end_incoming();
        }
    }
}

impl Core {
    /// Has devices preserved in `memory`.
    pub(crate) fn begin_outgoing(&self, memory: kho::Folio<Ser>) -> Result {
        let table = Array::new(memory);
        // CAST: `CONFIG_PCI_LIVEUPDATE` depends on `CONFIG_64BIT`.
        let capacity = table.capacity() as usize;
        let entries = KVVec::from_elem(Entry::default(), capacity, GFP_KERNEL)?;
        let outgoing = Outgoing::new(table, entries);

        self.directions.lock().outgoing = Some(outgoing);
        Ok(())
    }

    /// Forgets the preserved devices with the last file.
    pub(crate) fn end_outgoing(&self) {
        let gone = self.directions.lock().outgoing.take();

        for entry in gone.iter().flat_map(Outgoing::iter) {
            let key = entry.ser.key();
            pr_warn!("{key}: still preserved after the last file; the next kernel will not know\n");
            if let Some(dev) = find(key) {
                (&*dev).set_outgoing(None);
            }
        }
    }

    /// Takes over what the previous kernel says in `ser`.
    pub(crate) fn begin_incoming(&self, ser: &Ser) -> Result {
        let incoming = read(ser)?;

        self.directions.lock().incoming = Some(incoming);
        self.set_handover(Handover::Devices);
        Ok(())
    }

    /// Drops what is left of the handover with the last file.
    pub(crate) fn end_incoming(&self) {
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

    /// Acts on a handover that was refused. The diagnosis has been given.
    fn refuse(&self) {
        self.act(self.policy, "unknown devices may be doing DMA");
    }

    /// Acts on records of LUO that this kernel, in which it is off, cannot read.
    fn refuse_unknown(&self) {
        let what = "cannot tell with liveupdate=off whether devices are doing DMA";

        self.act(self.policy.if_unknown(), what);
    }

    fn act(&self, policy: Policy, what: &str) {
        match policy {
            Policy::Panic => panic(),
            Policy::Contain => {
                pr_emerg!("{what}: clearing Bus Master everywhere\n");
                self.set_handover(Handover::Contained);
            }
            Policy::Ignore => pr_emerg!("{what} to memory in use: ignored\n"),
        }
    }
}

/// Decodes and indexes a handover.
fn read(ser: &Ser) -> Result<Incoming> {
    let corrupt = |corrupt: Corrupt| {
        pr_err!("handover refused: {corrupt}\n");
        EINVAL
    };
    let no_memory = |error: Error| {
        pr_err!(
            "handover refused: no memory for its {} entries\n",
            ser.nr_devices
        );
        error
    };

    let devices = abi::check(ser).map_err(corrupt)?;
    let entries = decode(devices, ser.nr_devices).map_err(no_memory)?;
    let index = XIndex::new().map_err(no_memory)?;
    Incoming::new(entries, index).map_err(|error| match error {
        IndexError::Repeated { key, first, again } => corrupt(Corrupt::repeated(key, first, again)),
        IndexError::Full(error) => no_memory(error),
    })
}

/// The `used` entries of an array that are in use.
fn decode(devices: &[abi::DevSer], used: u32) -> Result<KVVec<Arrival>> {
    // CAST: `CONFIG_PCI_LIVEUPDATE` depends on `CONFIG_64BIT`.
    let mut entries = KVVec::with_capacity(used as usize, GFP_KERNEL)?;

    for (nr, dev) in (0u32..).zip(devices).filter(|(_, dev)| dev.is_used()) {
        entries.push(Arrival::new(nr, dev), GFP_KERNEL)?;
    }
    Ok(entries)
}

/// Asks LUO what the previous kernel handed over.
///
/// The reference that comes with a good answer is put at once: what matters is in the core now.
pub(crate) fn init(core: &Core) {
    let incoming = core
        .stats
        .timed(Event::RetrieveNanos, || FLB.get_incoming());
    let found = match incoming {
        Ok(_) => {
            // It only says more about what is known now, and says itself what is wrong with it.
            let _ = RECORD.get_incoming();
            Found::Nothing
        }
        Err(ENODATA) => Found::Nothing,
        Err(ENOENT) => speaks_otherwise(),
        Err(EOPNOTSUPP) => was_not_expected(),
        Err(_) => Found::Devices,
    };

    match found {
        Found::Nothing => {}
        Found::Devices => core.refuse(),
        Found::Unknown => core.refuse_unknown(),
    }
}

/// What the previous kernel left that cannot be used.
enum Found {
    /// Nothing.
    Nothing,
    /// Devices. The log says why they cannot be used.
    Devices,
    /// Records that do not tell whether there are devices.
    Unknown,
}

/// Whether the previous kernel handed devices over in a format that is not known here.
fn speaks_otherwise() -> Found {
    let found = abi::FOREIGN.into_iter().find(|name| peek(name).is_ok());

    let Some(name) = found else {
        return Found::Nothing;
    };
    pr_err!(
        "handover refused: expected devices as {}, found them as {name}\n",
        abi::COMPATIBLE
    );
    Found::Devices
}

/// Whether the previous kernel handed devices over to a kernel without Live Update.
fn was_not_expected() -> Found {
    let found = match abi::FOREIGN.into_iter().map(peek).find(Result::is_ok) {
        Some(found) => found,
        None => peek(abi::COMPATIBLE),
    };

    match found {
        Err(ENOENT) => Found::Nothing,
        Ok(()) => {
            pr_err!("handover refused: expected none with liveupdate=off, found devices\n");
            Found::Devices
        }
        Err(EPROTO) => Found::Unknown,
        Err(_) => {
            pr_err!("handover refused: expected none with liveupdate=off, found one of LUO\n");
            Found::Devices
        }
    }
}

/// Asks LUO whether the previous kernel handed over an FLB of that name.
fn peek(name: &CStr) -> Result {
    // SAFETY: `name` is a string.
    to_result(unsafe { bindings::liveupdate_flb_peek_incoming(name.as_char_ptr()) })
}

/// Stops the kernel.
fn panic() -> ! {
    // SAFETY: The format has no conversions, so that no argument is read.
    unsafe {
        bindings::panic(
            c"PCI Live Update: unknown devices may be doing DMA (see pci_liveupdate=)"
                .as_char_ptr(),
        )
    }
}
