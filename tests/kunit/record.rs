// SPDX-License-Identifier: GPL-2.0

//! What the previous kernel says that its devices are, and what is there.

use super::{
    config::{
        Config,
        COMMAND,
        MASTER, //
    },
    fixture::Fixture,
    machine::Machine, //
};
use crate::{
    abi::identity::{
        Identity,
        Record, //
    },
    device::DeviceExt,
};
use kernel::{
    bindings,
    kho,
    pci,
    prelude::*, //
};

/// The ID of the endpoint of a machine, and another one.
const DEVICE: u16 = 1;
const OTHER: u16 = 2;
const CLASS: usize = bindings::PCI_CLASS_DEVICE as usize;
const VENDOR: u16 = bindings::PCI_VENDOR_ID_INTEL as u16;

/// A record with one entry.
fn record(identity: Identity) -> Result<kho::Folio<Record>> {
    let size = Record::size_for(1).ok_or(EINVAL)?;
    let mut record = kho::Folio::<Record>::zeroed(size)?;

    record.max_nr = u32::try_from(record.entries.len())?;
    record.put(0, identity);
    Ok(record)
}

/// What the previous kernel says about the endpoint of a machine.
fn endpoint(machine: &Machine<'_>, device: u16) -> Result<Identity> {
    let key = machine.fake.key(machine.endpoint).ok_or(ENODEV)?;
    let class = machine.fake.get16(machine.endpoint, CLASS);

    Ok(Identity {
        domain: key.domain(),
        bdf: key.bdf(),
        flags: Identity::USED | Identity::DMA,
        vendor: VENDOR,
        device,
        class_revision: u32::from(class) << 16,
        ..Identity::default()
    })
}

/// A machine whose endpoint has an ID.
fn machine(core: &Fixture) -> Result<Machine<'_>> {
    Machine::with(
        core,
        |_| {},
        |endpoint: &mut Config| endpoint.set_id(VENDOR, DEVICE),
    )
}

/// What was seen of an incoming device, if that was compared.
fn seen(core: &Fixture, dev: &pci::Device) -> Option<Identity> {
    let mut directions = core.directions.lock();
    let (_, seen) = directions.incoming.as_mut()?.seen(dev)?;

    Some(*seen)
}

#[kunit_tests(pci_liveupdate_record)]
mod tests {
    use super::*;

    /// The device that was preserved is incoming, and what is seen of it is kept.
    #[test]
    fn the_same() -> Result {
        let core = Fixture::new()?;
        let machine = machine(&core)?;

        machine.fake.scan()?;
        core.start_incoming(&machine.entries())?;
        let expected = endpoint(&machine, DEVICE)?;
        let dev = machine.device(machine.endpoint)?;
        assert!(core.identify(&record(expected)?));
        core.setup_device(&dev);
        assert!(core.is_incoming(&dev));
        assert_eq!(seen(&core, &dev), Some(expected));
        assert!(machine.has_master(machine.endpoint));
        Ok(())
    }

    /// Another device in its place is not, and loses Bus Master before anything else is written.
    #[test]
    fn another() -> Result {
        let core = Fixture::new()?;
        let machine = machine(&core)?;

        core.start_incoming(&machine.entries())?;
        assert!(core.identify(&record(endpoint(&machine, OTHER)?)?));
        machine.fake.scan()?;

        let writes = machine.fake.take_writes();
        let mut writes = writes.iter().filter(|it| it.function == machine.endpoint);
        let first = writes.next();
        assert!(first.is_some_and(|write| write.at == COMMAND));
        assert!(first.is_some_and(|write| write.value & u32::from(MASTER) == 0));
        assert!(!machine.is_incoming(machine.endpoint));
        assert!(!machine.has_master(machine.endpoint));
        let key = machine.fake.key(machine.endpoint).ok_or(ENODEV)?;
        assert_eq!(core.incoming_count(key), 1);
        assert!(!core.is_found(key));
        assert_eq!(core.counted("other_device"), Some(1));
        // The bridges above it have no entry in the record, and are taken as they are.
        assert!(machine.ports.iter().all(|port| machine.is_incoming(*port)));
        Ok(())
    }

    /// A damaged record says nothing, not even what is sound of it.
    #[test]
    fn damaged() -> Result {
        let core = Fixture::new()?;
        let machine = machine(&core)?;
        let right = endpoint(&machine, OTHER)?;

        core.start_incoming(&machine.entries())?;
        let mut record = record(right)?;
        record.put(1, right);
        assert!(!core.identify(&record));
        machine.fake.scan()?;
        assert!(machine.is_incoming(machine.endpoint));
        assert!(machine.has_master(machine.endpoint));
        Ok(())
    }

    /// If it names a function that the only list does not, either can be damaged.
    #[test]
    fn contradicts() -> Result {
        let core = Fixture::new()?;
        let machine = machine(&core)?;
        let right = endpoint(&machine, DEVICE)?;

        core.start_incoming(&machine.entries())?;
        assert!(!core.identify(&record(Identity {
            bdf: right.bdf ^ 7,
            ..right
        })?));
        assert_eq!(core.nr_incoming(), 0);
        machine.fake.scan()?;
        assert!(!machine.is_incoming(machine.endpoint));
        Ok(())
    }

    /// A quirk that changes what the kernel keeps of an ID does not change the device.
    #[test]
    fn quirks_change_nothing() -> Result {
        let core = Fixture::new()?;
        let machine = machine(&core)?;

        machine.fake.scan()?;
        let dev = machine.device(machine.endpoint)?;
        let before = dev.enumerated();
        // SAFETY: A valid device that nobody else uses.
        unsafe {
            (*dev.raw()).device = OTHER;
            (*dev.raw()).class = 0;
            (*dev.raw()).hdr_type = 1;
        }
        assert_eq!(dev.enumerated(), before);
        assert_eq!(before.device, DEVICE);
        Ok(())
    }
}
