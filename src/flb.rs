// SPDX-License-Identifier: GPL-2.0

//! The object whose life LUO ties to that of the preserved files.
//!
//! ```text
//!   old kernel   first file preserved ── preserve()    last file unpreserved ── unpreserve()
//!   new kernel   start() ── retrieve()                  last file finished ──── finish()
//! ```
//!
//! LUO calls all four with the mutex of the FLB held. [`start`] asks for the handover and lets go
//! of it at once: a reference that were kept would keep the last file from finishing it.

use crate::{
    abi::{
        self,
        Key,
        Ser, //
    },
    device::{
        find,
        nr_functions,
        DeviceExt,
        Flag, //
    },
    logic::{
        size_for,
        DecodeError, //
    },
    memory::Memory,
    previous,
    refusal,
    state::{
        set_handover,
        Handover,
        In,
        Out,
        STATE, //
    },
    stats::{
        self,
        Event, //
    },
    xindex::XIndex, //
};
use kernel::{
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

    type Outgoing = ();
    type Incoming = ();

    fn preserve() -> Result<(u64, ())> {
        let nr = nr_functions();
        let ser = size_for(nr)
            .ok_or(E2BIG)
            .and_then(kho::Preserved::<Ser>::zeroed)
            .inspect_err(|_| pr_err!("KHO has no memory for an array of {nr} functions\n"))?;
        let handle = ser.handle();
        let outgoing = Out::new(Memory::Kho(ser), index()?);

        STATE.lock().outgoing = Some(outgoing);
        Ok((handle, ()))
    }

    fn unpreserve((): ()) {
        let gone = STATE.lock().outgoing.take();

        for (dev, _) in gone.iter().flat_map(Out::iter) {
            let key = dev.key();
            pr_warn!("{key} was still preserved with the last file gone\n");
            forget(key, Flag::Outgoing);
        }
    }

    fn retrieve(handle: kho::Handle) -> Result<()> {
        let ser = kho::Restored::<Ser>::take(handle)
            .map(Memory::Kho)
            .map_err(|_| {
                pr_err!("refused: expected memory from KHO, found none\n");
                // Not ENOENT, with which LUO says that nothing was handed over.
                EINVAL
            })?;
        let incoming = In::decode(ser, index()?).map_err(|error| match error {
            DecodeError::Corrupt(corrupt) => {
                pr_err!("refused: {corrupt}\n");
                EINVAL
            }
            DecodeError::Index(error) => {
                pr_err!("refused: no memory to index it\n");
                error
            }
        })?;

        STATE.lock().incoming = Some(incoming);
        set_handover(Handover::Devices);
        Ok(())
    }

    fn finish((): ()) {
        set_handover(Handover::Nothing);
        let gone = STATE.lock().incoming.take();
        let entries = gone.iter().flat_map(In::iter);

        for (dev, _) in entries.filter(|(dev, _)| dev.is_used()) {
            let key = dev.key();
            pr_warn!("{key} was not finished by any driver; it is not kept any longer\n");
            stats::count(Event::Leftover);
            forget(key, Flag::Incoming);
        }
    }
}

/// A new index.
fn index<T>() -> Result<XIndex<T>> {
    XIndex::new().inspect_err(|_| pr_err!("no memory for an index\n"))
}

/// Takes `flag` from a function whose driver did not.
fn forget(key: Key, flag: Flag) {
    if let Some(dev) = find(key) {
        dev.note(flag, false);
    }
}

/// Asks LUO what the previous kernel left.
///
/// The reference that comes with a good answer is given back at once: what matters is in our own
/// state now.
pub(crate) fn start() {
    let incoming = stats::timed(Event::RetrieveNanos, || FLB.get_incoming());
    let refused = match incoming {
        Ok(_) => false,
        Err(ENODATA) => false,
        Err(ENOENT) => previous::spoke_otherwise(),
        Err(EOPNOTSUPP) => previous::was_not_expected(),
        Err(_) => true,
    };
    if refused {
        refusal::act();
    }
}
