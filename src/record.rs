// SPDX-License-Identifier: GPL-2.0

//! The record of what each preserved function is, beside the list of them.
//!
//! ```text
//!   old kernel   preserve() ── pci_device_shutdown(): record_device()
//!   new kernel   retrieve() ── setup_device(): another device? ── init_acs(): in another state?
//! ```
//!
//! The list counts without a record as well. Only if it has no other one beside it, and the record
//! names other functions, both are refused.

use crate::{
    abi::identity::{
        self,
        Damaged,
        Identity,
        Record, //
    },
    core::{
        core,
        Core,
        Directions,
        Outgoing, //
    },
    device::{
        halves,
        is_jumping,
        DeviceExt, //
    },
    fabric::{
        acs::read_acs_ctrl,
        ari::forwards_ari,
        dma::is_master, //
    },
    logic::{
        differences,
        late_differences,
        Function, //
    }, //
};
use core::mem;
use kernel::{
    bindings,
    kho,
    liveupdate::flb,
    pci,
    prelude::*, //
};

/// The record, as LUO sees it.
pub(crate) struct RecordFlb;

/// What is registered with every file handler of a driver, behind the list.
pub(crate) static RECORD: flb::Static<RecordFlb> = flb::Static::new();

#[vtable]
impl flb::Flb for RecordFlb {
    const COMPATIBLE: &'static CStr = identity::COMPATIBLE;

    type Access = kho::Cpu;
    type Outgoing = ();
    type Incoming = ();

    fn preserve() -> Result<(kho::Address<kho::Cpu>, ())> {
        let core = core().ok_or(ENODEV)?;
        // LUO preserves the list first.
        let nr = core
            .directions
            .lock()
            .outgoing
            .as_ref()
            .map(Outgoing::capacity);
        let nr = nr.ok_or(ENOENT)?;
        let failed = |_: &Error| pr_err!("no memory for a record of {nr} functions\n");

        let size = Record::size_for(nr).ok_or(E2BIG).inspect_err(failed)?;
        let mut record = kho::Folio::<Record>::zeroed(size).inspect_err(failed)?;
        record.max_nr = u32::try_from(record.entries.len())?;
        let address = record.preserve().inspect_err(failed)?;
        core.directions.lock().record = Some(record);
        Ok((address, ()))
    }

    fn unpreserve((): ()) {
        if let Some(core) = core() {
            let gone = core.directions.lock().record.take();
            drop(gone);
        }
    }

    fn retrieve(handle: kho::Handle<kho::Cpu>) -> Result<()> {
        let core = core().ok_or(ENODEV)?;

        match kho::Restored::<Record>::take(handle) {
            Ok(record) if core.identify(&record) => drop(record),
            // A device may be writing to memory that a damaged record names.
            Ok(record) => mem::forget(record),
            Err(_) => pr_err!("identity record ignored: expected memory preserved by KHO\n"),
        }
        Ok(())
    }
}

impl Core {
    /// Takes over what the previous kernel says about the functions. Returns whether that is sound.
    ///
    /// If a list that has no other one beside it names other functions than the record, either can
    /// be damaged. Then nothing is incoming.
    pub(crate) fn identify(&self, record: &Record) -> bool {
        let mut directions = self.directions.lock();
        let is_alone = directions.lists.is_alone();
        let Some(incoming) = directions.incoming.as_mut() else {
            return true;
        };

        match incoming.take_record(record) {
            Ok(()) => return true,
            Err(damaged @ Damaged::Unlisted { .. }) if is_alone => {
                pr_err!("handover refused: identity record: {damaged}\n");
                directions.incoming = None;
            }
            Err(damaged) => pr_err!("identity record ignored: {damaged}\n"),
        }
        false
    }

    /// Writes what an outgoing device is, as the next kernel is about to find it.
    pub(crate) fn record_device(&self, dev: &pci::Device) {
        if !is_jumping() || dev.outgoing().is_none() {
            return;
        }

        let identity = read_identity(dev);
        let mut directions = self.directions.lock();
        if let (Some(record), Some(slot)) = (directions.record.as_mut(), dev.outgoing()) {
            record.put(slot.nr(), identity);
        }
    }

    /// Has a device that is gone, and bridges that are above no other one, out of the record.
    pub(crate) fn forget_gone(&self) {
        let mut directions = self.directions.lock();
        let Directions {
            outgoing, record, ..
        } = &mut *directions;

        if let (Some(record), Some(outgoing)) = (record, outgoing) {
            record.retain(|nr, identity| outgoing.holds(nr, identity.key()));
        }
    }

    /// Tells what is different in a device that has arrived.
    pub(crate) fn compare(&self, dev: &pci::Device, expected: &Identity) {
        let mut found = dev.enumerated();
        read_state(dev, &mut found);

        for difference in differences(expected, &found) {
            dev_warn!(dev, "incoming, but {difference}\n");
        }
        self.note_seen(dev, found);
    }

    /// Tells what is different in its capabilities.
    pub(crate) fn compare_late(&self, dev: &pci::Device) {
        let Some((expected, mut found)) = self.seen(dev) else {
            return;
        };
        read_capabilities(dev, &mut found);

        for difference in late_differences(&expected, &found) {
            dev_warn!(dev, "incoming, but {difference}\n");
        }
        self.note_seen(dev, found);
    }

    fn seen(&self, dev: &pci::Device) -> Option<(Identity, Identity)> {
        let mut directions = self.directions.lock();
        let (expected, seen) = directions.incoming.as_mut()?.seen(dev)?;

        Some((*expected, *seen))
    }

    fn note_seen(&self, dev: &pci::Device, found: Identity) {
        let mut directions = self.directions.lock();
        let incoming = directions.incoming.as_mut();

        if let Some((_, seen)) = incoming.and_then(|incoming| incoming.seen(dev)) {
            *seen = found;
        }
    }
}

/// What a device was when it was enumerated, and its state now.
fn read_identity(dev: &pci::Device) -> Identity {
    let mut identity = dev.enumerated();
    let [vendor, device] = dev.read32(bindings::PCI_VENDOR_ID).map_or([0; 2], halves);

    if (vendor, device) == (identity.vendor, identity.device) {
        read_state(dev, &mut identity);
        read_capabilities(dev, &mut identity);
    } else {
        dev_warn!(
            dev,
            "replaced by {vendor:04x}:{device:04x} while preserved\n"
        );
    }
    identity
}

/// Reads what can change in the header of a device.
fn read_state(dev: &pci::Device, identity: &mut Identity) {
    if dev.is_bridge() {
        let buses = dev.read32(bindings::PCI_PRIMARY_BUS).unwrap_or(0);
        let [primary, secondary, subordinate, _] = buses.to_le_bytes();
        identity.buses = [primary, secondary, subordinate];
    } else {
        let ids = dev.read32(bindings::PCI_SUBSYSTEM_VENDOR_ID).unwrap_or(0);
        [identity.subsystem_vendor, identity.subsystem] = halves(ids);
    }
    identity.set(Identity::DMA, is_master(dev));
}

/// Reads what can change in its capabilities.
fn read_capabilities(dev: &pci::Device, identity: &mut Identity) {
    let acs = read_acs_ctrl(dev);

    identity.acs_ctrl = acs.unwrap_or(0);
    identity.set(Identity::ACS, acs.is_some());
    identity.set(Identity::ARI, dev.is_bridge() && forwards_ari(dev));
}
