// SPDX-License-Identifier: GPL-2.0

//! The hooks, called by the PCI core as it enumerates and removes what is on fake buses.

use super::{
    config::{
        Config,
        Numbers,
        COMMAND,
        MASTER, //
    },
    fake_bus::{
        locked,
        FakeBus, //
    },
    machine::Machine,
    scene, //
};
use crate::{
    device::{
        DeviceExt,
        Flag, //
    },
    flb::PciFlb,
    incoming,
    outgoing, //
};
use kernel::{
    bindings,
    liveupdate::flb::Flb,
    pci,
    prelude::*, //
};

/// Has the PCI core shut a device down, as at a reboot.
fn shut_down(dev: &pci::Device) {
    // SAFETY: A constant.
    let shutdown = unsafe { bindings::pci_bus_type.shutdown };

    if let Some(shutdown) = shutdown {
        // SAFETY: A valid device of that bus type.
        unsafe { shutdown(&raw mut (*dev.raw()).dev) };
    }
}

#[kunit_tests(pci_liveupdate_enumeration)]
mod tests {
    use super::*;

    /// The PCI core finds what was plugged in, where the bridges say, and leaves the numbers alone.
    #[test]
    fn everything_is_found() -> Result {
        let machine = Machine::new()?;
        let expected = [0x0008, 0x0100, 0x0200, 0x0300, 0x0010, 0x0011];

        scene::clear();
        machine.fake.scan()?;
        for (function, bdf) in machine.all().into_iter().zip(expected) {
            let dev = machine.fake.device(function);
            assert_eq!(dev.map(|dev| dev.key().bdf()), Some(bdf));
        }
        for (port, from) in machine.ports.into_iter().zip(1..) {
            assert_eq!(machine.fake.numbers(port), Some(Numbers(from, 3)));
        }
        Ok(())
    }

    /// A bridge without numbers gets the next free ones, and what is below it answers to them.
    #[test]
    fn numbers_are_assigned() -> Result {
        let machine = Machine::new()?;
        let none = Config::bridge(Numbers(0, 0))?;
        let bridge = machine.fake.plug(None, 0x18, none)?;
        let below = machine.fake.plug(Some(bridge), 0xf8, Config::endpoint()?)?;

        scene::clear();
        machine.fake.scan()?;
        assert_eq!(machine.fake.numbers(bridge), Some(Numbers(4, 4)));
        let dev = machine.fake.device(below);
        assert_eq!(dev.map(|dev| dev.key().bdf()), Some(0x04f8));
        Ok(())
    }

    /// The PCI core sees the capabilities that a fake function has.
    #[test]
    fn capabilities_are_found() -> Result {
        let fake = FakeBus::new()?;
        let mut config = Config::express()?;
        // CAST: identifiers have 8 and 16 bits.
        let conventional = config.add_capability(bindings::PCI_CAP_ID_VNDR as u8, 8);
        let first = config.add_extended(bindings::PCI_EXT_CAP_ID_VNDR as u16, 8);
        let second = config.add_extended(bindings::PCI_EXT_CAP_ID_DSN as u16, 12);
        let function = fake.plug(None, 0, config)?;

        scene::clear();
        fake.scan()?;
        let dev = fake.device(function).ok_or(ENODEV)?;
        // SAFETY: A device that `dev` keeps, for all three.
        let found = unsafe {
            [
                usize::from(bindings::pci_find_capability(
                    dev.raw(),
                    bindings::PCI_CAP_ID_VNDR as c_int,
                )),
                usize::from(bindings::pci_find_ext_capability(
                    dev.raw(),
                    bindings::PCI_EXT_CAP_ID_VNDR as c_int,
                )),
                usize::from(bindings::pci_find_ext_capability(
                    dev.raw(),
                    bindings::PCI_EXT_CAP_ID_DSN as c_int,
                )),
            ]
        };
        assert_eq!(found, [conventional, first, second]);
        Ok(())
    }

    /// The hook runs before anything is written to a function: what it writes itself comes first.
    #[test]
    fn contained_before_any_other_write() -> Result {
        let machine = Machine::new()?;

        scene::begin_contained();
        machine.fake.scan()?;
        let writes = machine.fake.take_writes();
        for function in machine.all() {
            let first = writes.iter().find(|write| write.function == function);

            assert!(first.is_some_and(|write| write.at == COMMAND && write.size == 2));
            assert!(first.is_some_and(|write| write.value & u32::from(MASTER) == 0));
            assert!(!machine.has_master(function));
        }

        // A function that is plugged in later is no better known.
        assert!(machine.remove(machine.endpoint));
        machine.fake.set16(machine.endpoint, COMMAND, MASTER);
        machine.fake.rescan();
        assert!(machine.fake.device(machine.endpoint).is_some());
        assert!(!machine.has_master(machine.endpoint));
        scene::clear();
        Ok(())
    }

    /// Nobody clears Bus Master while devices are enumerated, incoming ones least of all.
    #[test]
    fn bus_master_is_kept() -> Result {
        let machine = Machine::new()?;

        scene::begin_incoming(&machine.entries())?;
        machine.fake.scan()?;
        let writes = machine.fake.take_writes();
        for write in writes.iter().filter(|write| write.touches16(COMMAND)) {
            assert_eq!(write.at, COMMAND);
            assert!(write.value & u32::from(MASTER) != 0);
        }
        for function in machine.all() {
            assert!(machine.has_master(function));
        }
        scene::clear();
        Ok(())
    }

    /// The same function in several segments: only the one that was handed over is incoming.
    #[test]
    fn segments_are_kept_apart() -> Result {
        let machines = [Machine::new()?, Machine::new()?, Machine::new()?];
        let [before, machine, after] = &machines;
        let entries = machine.entries();

        scene::begin_incoming(&entries)?;
        for machine in &machines {
            machine.fake.scan()?;
        }
        for function in machine.all() {
            let expected = machine.path().contains(&function);

            assert_eq!(machine.is_incoming(function), expected);
            assert!(!before.is_incoming(function));
            assert!(!after.is_incoming(function));
        }
        for (key, _) in entries {
            assert!(scene::is_found(key));
            assert_eq!(scene::incoming_count(key), 1);
        }
        scene::clear();
        Ok(())
    }

    /// Before it is finished, a device that was removed is incoming again when it comes back.
    /// After, it is not.
    #[test]
    fn removed_and_rescanned() -> Result {
        let machine = Machine::new()?;
        let key = machine.fake.key(machine.endpoint).ok_or(EINVAL)?;

        scene::begin_incoming(&machine.entries())?;
        machine.fake.scan()?;

        assert!(machine.remove(machine.endpoint));
        assert!(machine.fake.device(machine.endpoint).is_none());
        assert!(!scene::is_found(key));
        machine.fake.rescan();
        assert!(machine.is_incoming(machine.endpoint));
        assert!(scene::is_found(key));
        assert_eq!(scene::incoming_count(key), 1);

        // From the root port down, everything comes back.
        assert!(machine.remove(machine.ports[0]));
        assert!(machine.fake.device(machine.endpoint).is_none());
        machine.fake.rescan();
        for function in machine.path() {
            assert!(machine.is_incoming(function));
        }

        let dev = machine.fake.device(machine.endpoint).ok_or(ENODEV)?;
        incoming::finish(&dev);
        drop(dev);
        assert!(machine.remove(machine.ports[0]));
        machine.fake.rescan();
        for function in machine.path() {
            assert!(machine.fake.device(function).is_some());
            assert!(!machine.is_incoming(function));
        }
        scene::clear();
        Ok(())
    }

    /// A handed over device that is not there is missing until it shows up.
    #[test]
    fn late_device() -> Result {
        let machine = Machine::new()?;
        let late = FakeBus::new()?;
        let function = late.plug(None, 0x18, Config::endpoint()?)?;
        let key = late.key(function).ok_or(EINVAL)?;

        late.unplug(function);
        scene::begin_incoming(&[(key, 1)])?;
        machine.fake.scan()?;
        late.scan()?;
        assert!(!scene::is_found(key));
        assert!(late.device(function).is_none());

        // Another one in the same slot does not matter: the name is what was handed over.
        let function = late.plug(None, 0x18, Config::endpoint()?)?;
        late.rescan();
        assert!(scene::is_found(key));
        let dev = late.device(function).ok_or(ENODEV)?;
        assert!(incoming::is_incoming(&dev));
        drop(dev);
        scene::clear();
        Ok(())
    }

    /// Whoever removes a preserved device, or a bridge above it, gives the whole path back.
    #[test]
    fn removal_gives_back() -> Result {
        for nr in 0..4 {
            let machine = Machine::new()?;
            let neighbour = machine.slot[0];

            scene::begin_outgoing(16)?;
            machine.fake.scan()?;
            for function in [machine.endpoint, neighbour] {
                let dev = machine.fake.device(function).ok_or(ENODEV)?;
                outgoing::preserve(&dev)?;
            }
            assert_eq!(scene::nr_outgoing(), Some(5));
            for function in machine.path() {
                assert!(machine.is_outgoing(function));
            }

            assert!(machine.remove(machine.path()[nr]));
            assert_eq!(scene::nr_outgoing(), Some(1));
            for function in machine.path() {
                assert!(!machine.is_outgoing(function));
            }
            assert!(machine.is_outgoing(neighbour));

            // What comes back is a new device, that can be preserved like any other.
            machine.fake.rescan();
            let dev = machine.fake.device(machine.endpoint).ok_or(ENODEV)?;
            outgoing::preserve(&dev)?;
            drop(dev);
            assert_eq!(scene::nr_outgoing(), Some(5));
            scene::clear();
        }
        Ok(())
    }

    /// A device that is shut down is frozen: it is neither taken nor given back any more. Nobody
    /// else is.
    #[test]
    fn shutdown_freezes() -> Result {
        let machine = Machine::new()?;

        scene::begin_outgoing(16)?;
        machine.fake.scan()?;
        let [first, second] = machine.slot.map(|f| machine.fake.device(f));
        let (first, second) = (first.ok_or(ENODEV)?, second.ok_or(ENODEV)?);
        let endpoint = machine.fake.device(machine.endpoint).ok_or(ENODEV)?;

        outgoing::preserve(&first)?;
        assert!(!first.has(Flag::Frozen));
        for dev in [&first, &second] {
            shut_down(dev);
            assert!(dev.has(Flag::Frozen));
        }
        outgoing::unpreserve(&first);
        assert!(first.has(Flag::Outgoing));
        assert_eq!(scene::outgoing_count(first.key()), 1);
        assert_eq!(outgoing::preserve(&second), Err(EINVAL));
        assert!(!second.has(Flag::Outgoing));
        assert_eq!(scene::nr_outgoing(), Some(1));

        assert!(!endpoint.has(Flag::Frozen));
        outgoing::preserve(&endpoint)?;
        scene::clear();
        Ok(())
    }

    /// The first device cannot be preserved in the middle of a scan, but hears first if nothing is
    /// handed over at all. The second one can: no bus number changes any more.
    #[test]
    fn not_during_a_scan() -> Result {
        let machine = Machine::new()?;

        scene::clear();
        machine.fake.scan()?;
        let [first, second] = [machine.slot[0], machine.endpoint].map(|f| machine.fake.device(f));
        let (first, second) = (first.ok_or(ENODEV)?, second.ok_or(ENODEV)?);

        assert_eq!(locked(|| outgoing::preserve(&first)), Err(ENOENT));
        scene::begin_outgoing(16)?;
        assert_eq!(locked(|| outgoing::preserve(&first)), Err(EAGAIN));
        assert_eq!(scene::nr_outgoing(), Some(0));
        assert!(!first.has(Flag::Outgoing));
        outgoing::preserve(&first)?;
        assert_eq!(locked(|| outgoing::preserve(&second)), Ok(()));
        locked(|| outgoing::unpreserve(&second));
        assert_eq!(scene::nr_outgoing(), Some(1));
        scene::clear();
        Ok(())
    }

    /// When the update ends without it, a device that is there is not incoming any more.
    #[test]
    fn leftovers_lose_their_notes() -> Result {
        let machine = Machine::new()?;

        scene::begin_incoming(&machine.entries())?;
        machine.fake.scan()?;
        scene::add_outgoing(8)?;
        let dev = machine.fake.device(machine.endpoint).ok_or(ENODEV)?;
        outgoing::preserve(&dev)?;

        PciFlb::finish(());
        assert!(!dev.has(Flag::Incoming) && dev.has(Flag::Outgoing));
        PciFlb::unpreserve(());
        assert!(!dev.has(Flag::Outgoing));
        for function in machine.path() {
            assert!(!machine.is_incoming(function));
            assert!(!machine.is_outgoing(function));
        }
        drop(dev);
        scene::clear();
        Ok(())
    }
}
