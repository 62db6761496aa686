// SPDX-License-Identifier: GPL-2.0

//! The hooks, as the PCI core calls them when it enumerates, removes and shuts down devices.

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
    fixture::Fixture,
    machine::Machine, //
};
use crate::{
    device::{
        DeviceExt,
        DeviceLock, //
    },
    flb::{
        PciArray,
        PciBlocks, //
    },
    logic::Function, //
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

    /// The PCI core enumerates all functions of a fake bus, and keeps valid bus numbers.
    #[test]
    fn all_functions() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;
        let expected = [0x0008, 0x0100, 0x0200, 0x0300, 0x0010, 0x0011];

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

    /// A bridge without bus numbers gets the next free ones, and devices below it are enumerated.
    #[test]
    fn assigned_bus_numbers() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;
        let none = Config::bridge(Numbers(0, 0))?;
        let bridge = machine.fake.plug(None, 0x18, none)?;
        let below = machine.fake.plug(Some(bridge), 0xf8, Config::endpoint()?)?;

        machine.fake.scan()?;
        assert_eq!(machine.fake.numbers(bridge), Some(Numbers(4, 4)));
        let dev = machine.fake.device(below);
        assert_eq!(dev.map(|dev| dev.key().bdf()), Some(0x04f8));
        Ok(())
    }

    /// The PCI core finds the capabilities of a fake function.
    #[test]
    fn capabilities() -> Result {
        let core = Fixture::new()?;
        let fake = FakeBus::new(&core)?;
        let mut config = Config::express()?;
        // CAST: identifiers have 8 and 16 bits.
        let conventional = config.add_capability(bindings::PCI_CAP_ID_VNDR as u8, 8);
        let first = config.add_extended(bindings::PCI_EXT_CAP_ID_VNDR as u16, 8);
        let second = config.add_extended(bindings::PCI_EXT_CAP_ID_DSN as u16, 12);
        let function = fake.plug(None, 0, config)?;

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

    /// When contained, the first write to each function clears its Bus Master.
    #[test]
    fn contained_before_other_writes() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;

        core.contain();
        machine.fake.scan()?;
        let writes = machine.fake.take_writes();
        for function in machine.all() {
            let first = writes.iter().find(|write| write.function == function);

            assert!(first.is_some_and(|write| write.at == COMMAND && write.size == 2));
            assert!(first.is_some_and(|write| write.value & u32::from(MASTER) == 0));
            assert!(!machine.has_master(function));
        }

        // So does the first write to a function that is plugged in later.
        assert!(machine.remove(machine.endpoint));
        machine.fake.set16(machine.endpoint, COMMAND, MASTER);
        machine.fake.rescan();
        assert!(machine.fake.device(machine.endpoint).is_some());
        assert!(!machine.has_master(machine.endpoint));
        Ok(())
    }

    /// The enumeration clears Bus Master of no device.
    #[test]
    fn keeps_bus_master() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;

        machine.arrive()?;
        let writes = machine.fake.take_writes();
        for write in writes.iter().filter(|write| write.touches16(COMMAND)) {
            assert_eq!(write.at, COMMAND);
            assert!(write.value & u32::from(MASTER) != 0);
        }
        for function in machine.all() {
            assert!(machine.has_master(function));
        }
        Ok(())
    }

    /// The same functions are in several segments: only those that were handed over are incoming.
    #[test]
    fn segments() -> Result {
        let core = Fixture::new()?;
        let machines = [
            Machine::new(&core)?,
            Machine::new(&core)?,
            Machine::new(&core)?,
        ];
        let [before, machine, after] = &machines;
        let entries = machine.entries();

        core.start_incoming(&entries)?;
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
            assert!(core.is_found(key));
            assert_eq!(core.incoming_count(key), 1);
        }
        Ok(())
    }

    /// A device that was removed is incoming again after a rescan, unless it was finished.
    #[test]
    fn remove_and_rescan() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;
        let key = machine.fake.key(machine.endpoint).ok_or(EINVAL)?;

        machine.arrive()?;

        assert!(machine.remove(machine.endpoint));
        assert!(machine.fake.device(machine.endpoint).is_none());
        assert!(!core.is_found(key));
        machine.fake.rescan();
        assert!(machine.is_incoming(machine.endpoint));
        assert!(core.is_found(key));
        assert_eq!(core.incoming_count(key), 1);

        // The same with the root port and everything below it.
        assert!(machine.remove(machine.ports[0]));
        assert!(machine.fake.device(machine.endpoint).is_none());
        machine.fake.rescan();
        for function in machine.path() {
            assert!(machine.is_incoming(function));
        }

        let dev = machine.device(machine.endpoint)?;
        core.finish(&dev);
        drop(dev);
        assert!(machine.remove(machine.ports[0]));
        machine.fake.rescan();
        for function in machine.path() {
            assert!(machine.fake.device(function).is_some());
            assert!(!machine.is_incoming(function));
        }
        Ok(())
    }

    /// A device that was handed over and is not present is incoming when it is plugged in.
    #[test]
    fn late_device() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;
        let late = FakeBus::new(&core)?;
        let function = late.plug(None, 0x18, Config::endpoint()?)?;
        let key = late.key(function).ok_or(EINVAL)?;

        late.unplug(function);
        core.start_incoming(&[(key, 1)])?;
        machine.fake.scan()?;
        late.scan()?;
        assert!(!core.is_found(key));
        assert!(late.device(function).is_none());

        // What was handed over is an address, whatever device has it.
        let function = late.plug(None, 0x18, Config::endpoint()?)?;
        late.rescan();
        assert!(core.is_found(key));
        let dev = late.device(function).ok_or(ENODEV)?;
        assert!(core.is_incoming(&dev));
        drop(dev);
        Ok(())
    }

    /// When a preserved device or a bridge above it is removed, the whole path is unpreserved.
    #[test]
    fn removal_unpreserves() -> Result {
        for nr in 0..4 {
            let core = Fixture::new()?;
            let machine = Machine::new(&core)?;
            let neighbour = machine.slot[0];

            core.start_outgoing(16)?;
            machine.fake.scan()?;
            for function in [machine.endpoint, neighbour] {
                let dev = machine.device(function)?;
                core.preserve(&dev)?;
            }
            assert_eq!(core.nr_outgoing(), Some(5));
            for function in machine.path() {
                assert!(machine.is_outgoing(function));
            }

            assert!(machine.remove(machine.path()[nr]));
            assert_eq!(core.nr_outgoing(), Some(1));
            for function in machine.path() {
                assert!(!machine.is_outgoing(function));
            }
            assert!(machine.is_outgoing(neighbour));

            // After a rescan there is a new device, which can be preserved.
            machine.fake.rescan();
            let dev = machine.device(machine.endpoint)?;
            core.preserve(&dev)?;
            drop(dev);
            assert_eq!(core.nr_outgoing(), Some(5));
        }
        Ok(())
    }

    /// A device that is shut down is frozen: it can be neither preserved nor unpreserved.
    #[test]
    fn shutdown_freezes() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;

        core.start_outgoing(16)?;
        machine.fake.scan()?;
        let [first, second] = machine.slot.map(|f| machine.fake.device(f));
        let (first, second) = (first.ok_or(ENODEV)?, second.ok_or(ENODEV)?);
        let endpoint = machine.device(machine.endpoint)?;

        core.preserve(&first)?;
        assert!(!first.is_frozen());
        for dev in [&first, &second] {
            shut_down(dev);
            assert!(dev.is_frozen());
        }
        core.unpreserve(&first);
        assert!(first.outgoing().is_some());
        assert_eq!(core.outgoing_count(first.key()), 1);
        assert_eq!(core.preserve(&second), Err(EINVAL));
        assert!(second.outgoing().is_none());
        assert_eq!(core.nr_outgoing(), Some(1));

        assert!(!endpoint.is_frozen());
        core.preserve(&endpoint)?;
        Ok(())
    }

    /// The first device cannot be preserved during a scan, which may change bus numbers. The second
    /// one can. That no file is being preserved is the first error.
    #[test]
    fn not_during_a_scan() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;

        machine.fake.scan()?;
        let [first, second] = [machine.slot[0], machine.endpoint].map(|f| machine.fake.device(f));
        let (first, second) = (first.ok_or(ENODEV)?, second.ok_or(ENODEV)?);

        assert_eq!(locked(|| core.preserve(&first)), Err(ENOENT));
        core.start_outgoing(16)?;
        assert_eq!(locked(|| core.preserve(&first)), Err(EAGAIN));
        assert_eq!(core.counted("refused_scan"), Some(1));
        assert_eq!(core.nr_outgoing(), Some(0));
        assert!(first.outgoing().is_none());
        core.preserve(&first)?;
        assert_eq!(locked(|| core.preserve(&second)), Ok(()));
        locked(|| core.unpreserve(&second));
        assert_eq!(core.nr_outgoing(), Some(1));
        Ok(())
    }

    /// With the last file, devices are no longer incoming, and no longer outgoing.
    #[test]
    fn last_file() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;

        machine.arrive()?;
        core.start_outgoing(8)?;
        let dev = machine.device(machine.endpoint)?;
        core.preserve(&dev)?;

        PciArray::finish(());
        assert!(dev.incoming().is_none() && dev.outgoing().is_some());
        PciBlocks::unpreserve(());
        PciArray::unpreserve(());
        assert!(dev.outgoing().is_none());
        for function in machine.path() {
            assert!(!machine.is_incoming(function));
            assert!(!machine.is_outgoing(function));
        }
        drop(dev);
        Ok(())
    }

    /// A function that cannot be set up is missing.
    #[test]
    fn failed_setup() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;
        let mut config = Config::endpoint()?;
        config.set8(bindings::PCI_HEADER_TYPE as usize, 0x05);
        let odd = machine.fake.plug(None, 0x20, config)?;
        let key = machine.fake.key(odd).ok_or(EINVAL)?;

        core.start_incoming(&[(key, 1)])?;
        machine.fake.scan()?;
        assert!(machine.fake.device(odd).is_none());
        assert!(!core.is_found(key));
        assert_eq!(core.incoming_count(key), 1);
        Ok(())
    }

    /// When the update ends without it, a device that has no driver is stopped. The bridges above
    /// it are not.
    #[test]
    fn leftovers_are_stopped() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;

        machine.arrive()?;
        for function in machine.path() {
            assert!(machine.has_master(function));
        }
        PciArray::finish(());
        assert!(!machine.has_master(machine.endpoint));
        for port in machine.ports {
            assert!(machine.has_master(port));
        }
        for neighbour in machine.slot {
            assert!(machine.has_master(neighbour));
        }
        Ok(())
    }

    /// Somebody has the device locked when the update ends without it: it is stopped once it is
    /// unlocked, and nobody waits for that.
    #[test]
    fn leftovers_are_stopped_later() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;

        machine.arrive()?;
        let dev = machine.device(machine.endpoint)?;
        let lock = DeviceLock::lock(&dev);
        PciArray::finish(());
        let kept = machine.has_master(machine.endpoint);
        drop(lock);
        assert!(kept);

        // SAFETY: The queue that the work item is on.
        unsafe { bindings::__flush_workqueue(bindings::system_wq) };
        assert!(!machine.has_master(machine.endpoint));
        drop(dev);
        Ok(())
    }
}
