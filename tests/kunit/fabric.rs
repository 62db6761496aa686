// SPDX-License-Identifier: GPL-2.0

//! What a live device depends on, left as it is while the PCI core enumerates: bus numbers, ACS,
//! ARI.

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
    binding,
    device::DeviceExt,
    incoming,
    outgoing,
    state::Handover, //
};
use kernel::{
    bindings,
    pci,
    prelude::*, //
};

/// Something that a firmware set up, and that no default of the kernel is.
const ACS: u16 = 0x0011;

const NONE: Numbers = Numbers(0, 0);

/// Those of the first port of the machine.
const TAKEN: Numbers = Numbers(1, 3);

/// A bridge with those bus numbers on the root bus, and an endpoint below it.
fn add_bridge(machine: &Machine, numbers: Numbers) -> Result<[Function; 2]> {
    let bridge = machine.fake.plug(None, 0x20, Config::bridge(numbers)?)?;
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

/// How often the kernel has written to a function.
fn nr_writes(machine: &Machine, function: Function) -> usize {
    let writes = machine.fake.take_writes();

    writes
        .iter()
        .filter(|write| write.function == function)
        .count()
}

/// Has the PCI core restore what it has to after a reset.
fn save_and_restore(dev: &pci::Device, reset: impl FnOnce()) {
    // SAFETY: A valid device.
    unsafe { bindings::pci_save_state(dev.raw()) };
    reset();
    // SAFETY: A valid device.
    unsafe { bindings::pci_restore_state(dev.raw()) };
}

/// Whether a port has ARI Forwarding on after a scan. It `was_on` before, or is `wanted` by the
/// device below it.
fn ari_after(handover: Handover, was_on: bool, wanted: bool) -> Result<bool> {
    let at = Config::port(Port::Downstream, NONE)?.add_ari_forwarding(was_on);
    let more = |port: &mut Config| {
        port.add_ari_forwarding(was_on);
    };
    let more_below = |endpoint: &mut Config| {
        if wanted {
            endpoint.add_ari();
        }
    };
    let machine = Machine::with(more, more_below)?;

    match handover {
        Handover::Nothing => scene::clear(),
        Handover::Devices => scene::begin_incoming(&machine.entries())?,
        Handover::Contained => scene::begin_contained(),
    }
    machine.fake.scan()?;
    Ok(machine.fake.get16(machine.ports[2], at) != 0)
}

/// Whether the bridge stays without a driver, whichever matches.
fn stays_alone(machine: &Machine, bridge: Function) -> Result<bool> {
    let dev = machine.fake.device(bridge).ok_or(ENODEV)?;

    Ok(binding::refuses(&dev, false, c"fabric"))
}

#[kunit_tests(pci_liveupdate_fabric)]
mod tests {
    use super::*;

    /// While a device is incoming, nothing gets a bus number, and what would need one, or another
    /// one, is left alone until the last device is finished.
    #[test]
    fn numbers_wait_for_finish() -> Result {
        for numbers in [NONE, TAKEN] {
            let machine = Machine::new()?;
            let [bridge, below] = add_bridge(&machine, numbers)?;

            scene::begin_incoming(&machine.entries())?;
            machine.fake.scan()?;
            assert_eq!(nr_number_writes(&machine), 0);
            assert!(machine.fake.device(bridge).is_some());
            assert!(machine.is_incoming(machine.endpoint));
            machine.fake.rescan();
            assert_eq!(nr_writes(&machine, bridge), 0);

            let dev = machine.fake.device(machine.endpoint).ok_or(ENODEV)?;
            incoming::finish(&dev);
            drop(dev);
            assert_eq!(machine.fake.numbers(bridge), Some(numbers));
            machine.fake.rescan();
            assert_eq!(machine.fake.numbers(bridge), Some(Numbers(4, 4)));
            assert!(machine.fake.device(below).is_some());
        }
        scene::clear();
        Ok(())
    }

    /// The same while a device is outgoing, until the last one is given back.
    #[test]
    fn numbers_wait_for_unpreserve() -> Result {
        for numbers in [NONE, TAKEN] {
            let machine = Machine::new()?;

            scene::begin_outgoing(8)?;
            machine.fake.scan()?;
            let dev = machine.fake.device(machine.endpoint).ok_or(ENODEV)?;
            outgoing::preserve(&dev)?;
            let [bridge, below] = add_bridge(&machine, numbers)?;
            machine.fake.take_writes();
            machine.fake.rescan();
            assert_eq!(nr_number_writes(&machine), 0);
            assert!(machine.fake.device(bridge).is_some());
            machine.fake.rescan();
            assert_eq!(nr_writes(&machine, bridge), 0);

            outgoing::unpreserve(&dev);
            drop(dev);
            assert_eq!(machine.fake.numbers(bridge), Some(numbers));
            machine.fake.rescan();
            assert_eq!(machine.fake.numbers(bridge), Some(Numbers(4, 4)));
            assert!(machine.fake.device(below).is_some());
        }
        scene::clear();
        Ok(())
    }

    /// Unknown devices may be anywhere, so no number changes for the life of the kernel.
    #[test]
    fn numbers_stay_when_contained() -> Result {
        let machine = Machine::new()?;
        let [bridge, _] = add_bridge(&machine, NONE)?;

        scene::begin_contained();
        machine.fake.scan()?;
        machine.fake.rescan();
        assert_eq!(nr_number_writes(&machine), 0);
        assert_eq!(machine.fake.numbers(bridge), Some(NONE));
        assert!(machine.fake.device(machine.endpoint).is_some());
        scene::clear();
        Ok(())
    }

    /// When contained, a bridge that was left alone gets no driver, which would set Bus Master
    /// above devices that are not known. All others do, and with known devices it does as well.
    #[test]
    fn left_alone_without_driver() -> Result {
        for contained in [false, true] {
            let machine = Machine::new()?;
            let [bridge, _] = add_bridge(&machine, NONE)?;

            if contained {
                scene::begin_contained();
            } else {
                scene::begin_incoming(&machine.entries())?;
            }
            machine.fake.scan()?;
            assert_eq!(stays_alone(&machine, bridge)?, contained);
            for port in machine.ports {
                assert!(!stays_alone(&machine, port)?);
            }
        }
        scene::clear();
        Ok(())
    }

    /// The kernel chooses ACS for every port, but not for those above an incoming device. What a
    /// reset clears comes back for as long as the port is there, also when nothing is incoming any
    /// more.
    #[test]
    fn acs_is_adopted() -> Result {
        for is_incoming in [false, true] {
            let at = Config::express()?.add_acs(ACS);
            let more = |port: &mut Config| {
                port.add_acs(ACS);
            };
            let machine = Machine::with(more, |_| {})?;

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
            save_and_restore(&dev, || machine.fake.set16(port, at, 0));
            let kept = machine.fake.get16(port, at) == ACS;
            assert_eq!(kept, is_incoming);

            let endpoint = machine.fake.device(machine.endpoint).ok_or(ENODEV)?;
            incoming::finish(&endpoint);
            drop(endpoint);
            assert!(!incoming::is_incoming(&dev));
            save_and_restore(&dev, || machine.fake.set16(port, at, 0));
            let kept = machine.fake.get16(port, at) == ACS;
            assert_eq!(kept, is_incoming);
            drop(dev);
        }
        scene::clear();
        Ok(())
    }

    /// ARI Forwarding of a port above an incoming device stays off, and on. That of any port does
    /// when contained. Otherwise it is as the device below wants it.
    #[test]
    fn ari_is_adopted() -> Result {
        for handover in [Handover::Nothing, Handover::Devices, Handover::Contained] {
            for (was_on, wanted) in [(false, false), (false, true), (true, false), (true, true)] {
                let expected = if handover == Handover::Nothing {
                    wanted
                } else {
                    was_on
                };

                assert_eq!(ari_after(handover, was_on, wanted)?, expected);
            }
        }
        scene::clear();
        Ok(())
    }
}
