// SPDX-License-Identifier: GPL-2.0

//! What a live device depends on, left as it is while the PCI core enumerates: bus numbers, ACS,
//! ARI, Bus Master.

use super::{
    config::{
        Config,
        Numbers,
        Port,
        PRIMARY,
        SUBORDINATE, //
    },
    hardware::Function,
    machine::Machine,
    scene, //
};
use crate::{
    device::DeviceExt,
    incoming,
    outgoing, //
};
use kernel::{
    bindings,
    pci,
    prelude::*, //
};

/// Something that a firmware set up, and that no default of the kernel is.
const ACS: u16 = 0x0011;

const NONE: Numbers = Numbers(0, 0);

/// A bridge without bus numbers on the root bus, and an endpoint below it.
fn add_bridge(machine: &Machine) -> Result<[Function; 2]> {
    let bridge = machine.fake.plug(None, 0x20, Config::bridge(NONE)?)?;
    let below = machine.fake.plug(Some(bridge), 0x08, Config::endpoint()?)?;

    Ok([bridge, below])
}

/// How often the kernel has written a bus number to a bridge. Endpoints have BARs there.
fn nr_number_writes(machine: &Machine) -> usize {
    let writes = machine.fake.take_writes();

    writes
        .iter()
        .filter(|write| machine.fake.numbers(write.function).is_some())
        .filter(|write| write.touches16(PRIMARY) || write.touches16(SUBORDINATE))
        .count()
}

fn clear_master(dev: &pci::Device) {
    // SAFETY: A valid device.
    unsafe { bindings::pci_clear_master(dev.raw()) };
}

#[kunit_tests(pci_liveupdate_fabric)]
mod tests {
    use super::*;

    /// While a device is incoming, nothing gets a bus number, and what would need one is left alone
    /// until the last device is finished.
    #[test]
    fn numbers_wait_for_finish() -> Result {
        let machine = Machine::new()?;
        let [bridge, below] = add_bridge(&machine)?;

        scene::begin_incoming(&machine.entries())?;
        machine.fake.scan()?;
        assert_eq!(nr_number_writes(&machine), 0);
        assert_eq!(machine.fake.numbers(bridge), Some(NONE));
        assert!(machine.fake.device(bridge).is_some());
        assert!(machine.is_incoming(machine.endpoint));

        let dev = machine.fake.device(machine.endpoint).ok_or(ENODEV)?;
        incoming::finish(&dev);
        drop(dev);
        assert_eq!(machine.fake.numbers(bridge), Some(NONE));
        machine.fake.rescan();
        assert_eq!(machine.fake.numbers(bridge), Some(Numbers(4, 4)));
        assert!(machine.fake.device(below).is_some());
        scene::clear();
        Ok(())
    }

    /// The same while a device is outgoing, until the last one is given back.
    #[test]
    fn numbers_wait_for_unpreserve() -> Result {
        let machine = Machine::new()?;

        scene::begin_outgoing(8)?;
        machine.fake.scan()?;
        let dev = machine.fake.device(machine.endpoint).ok_or(ENODEV)?;
        outgoing::preserve(&dev)?;
        let [bridge, below] = add_bridge(&machine)?;
        machine.fake.take_writes();
        machine.fake.rescan();
        assert_eq!(nr_number_writes(&machine), 0);
        assert!(machine.fake.device(bridge).is_some());

        outgoing::unpreserve(&dev);
        drop(dev);
        machine.fake.rescan();
        assert!(nr_number_writes(&machine) > 0);
        assert!(machine.fake.device(below).is_some());
        scene::clear();
        Ok(())
    }

    /// Unknown devices may be anywhere, so no number changes for the life of the kernel.
    #[test]
    fn numbers_stay_when_contained() -> Result {
        let machine = Machine::new()?;
        let [bridge, _] = add_bridge(&machine)?;

        scene::begin_contained();
        machine.fake.scan()?;
        machine.fake.rescan();
        assert_eq!(nr_number_writes(&machine), 0);
        assert_eq!(machine.fake.numbers(bridge), Some(NONE));
        assert!(machine.fake.device(machine.endpoint).is_some());
        scene::clear();
        Ok(())
    }

    /// The kernel chooses ACS for every port, but not for those above an incoming device. What a
    /// reset clears comes back.
    #[test]
    fn acs_is_adopted() -> Result {
        for is_incoming in [false, true] {
            let at = Config::express()?.add_acs(ACS);
            let machine = Machine::with(|port| {
                port.add_acs(ACS);
            })?;

            scene::clear();
            if is_incoming {
                scene::begin_incoming(&machine.entries())?;
            }
            machine.fake.scan()?;
            let writes = machine.fake.take_writes();
            for port in machine.ports {
                let mut own = writes.iter().filter(|write| write.function == port);
                assert_eq!(own.any(|write| write.touches16(at)), !is_incoming);
            }

            let [port, ..] = machine.ports;
            let dev = machine.fake.device(port).ok_or(ENODEV)?;
            machine.fake.set16(port, at, 0);
            // SAFETY: A valid device.
            unsafe { bindings::pci_enable_acs(dev.raw()) };
            assert!(!is_incoming || machine.fake.get16(port, at) == ACS);
            drop(dev);
        }
        scene::clear();
        Ok(())
    }

    /// ARI Forwarding of a port above an incoming device stays off, and on.
    #[test]
    fn ari_is_adopted() -> Result {
        for (is_incoming, was_on) in [(false, true), (true, false), (true, true)] {
            let machine = Machine::with(|port| {
                port.add_ari_forwarding(was_on);
            })?;
            let at = Config::port(Port::Root, NONE)?.add_ari_forwarding(false);

            scene::clear();
            if is_incoming {
                scene::begin_incoming(&machine.entries())?;
            }
            machine.fake.scan()?;
            // The endpoint has no ARI, so that the kernel would switch it off.
            let is_on = machine.fake.get16(machine.ports[2], at) != 0;
            assert_eq!(is_on, is_incoming && was_on);
        }
        scene::clear();
        Ok(())
    }

    /// Whoever means to clear Bus Master does not, on an incoming device and above it, until it is
    /// finished.
    #[test]
    fn master_is_kept() -> Result {
        let machine = Machine::new()?;

        scene::begin_incoming(&machine.entries())?;
        machine.fake.scan()?;
        for function in machine.all() {
            let dev = machine.fake.device(function).ok_or(ENODEV)?;
            clear_master(&dev);
            let kept = machine.path().contains(&function);
            assert_eq!(machine.has_master(function), kept);
        }

        let dev = machine.fake.device(machine.endpoint).ok_or(ENODEV)?;
        incoming::finish(&dev);
        clear_master(&dev);
        drop(dev);
        assert!(!machine.has_master(machine.endpoint));
        scene::clear();
        Ok(())
    }
}
