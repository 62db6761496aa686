// SPDX-License-Identifier: GPL-2.0

//! What the PCI core does not change about live devices and the bridges above them: bus numbers,
//! ACS, ARI Forwarding, drivers.

use super::{
    config::{
        Config,
        Numbers,
        Port,
        PRIMARY,
        SECONDARY,
        SUBORDINATE, //
    },
    fake_bus::locked,
    fixture::Fixture,
    hardware::Function,
    machine::Machine, //
};
use crate::{
    core::Handover,
    device::DeviceExt,
    logic::{
        path,
        Function as _, //
    }, //
};
use kernel::{
    bindings,
    error::to_result,
    pci,
    prelude::*, //
};

/// ACS Control as the firmware has set it up, different from any default of the kernel.
const ACS: u16 = 0x0011;

const INTEL: u16 = bindings::PCI_VENDOR_ID_INTEL as u16;

/// A port of a chipset whose ACS registers are elsewhere, one whose are no ACS registers at all,
/// and one that no quirk is for.
const WIDE: u16 = 0xa110;
const NONE_AT_ALL: u16 = 0x1c10;
const ORDINARY: u16 = 0x1234;

const NONE: Numbers = Numbers(0, 0);

/// Those of the root port of the machine.
const TAKEN: Numbers = Numbers(1, 3);

/// The places on the root bus before and behind the root port.
const BEFORE: u8 = 0x00;
const BEHIND: u8 = 0x20;

/// A bridge with those bus numbers on the root bus, and an endpoint below it.
fn add_bridge(machine: &Machine<'_>, devfn: u8, numbers: Numbers) -> Result<[Function; 2]> {
    let bridge = machine.fake.plug(None, devfn, Config::bridge(numbers)?)?;
    let below = machine.fake.plug(Some(bridge), 0x08, Config::endpoint()?)?;

    Ok([bridge, below])
}

/// How often the kernel has written a bus number to a bridge. Endpoints have BARs there.
fn nr_number_writes(machine: &Machine<'_>) -> usize {
    let writes = machine.fake.take_writes();

    writes
        .iter()
        .filter(|write| machine.fake.numbers(write.function).is_some())
        .filter(|write| write.touches16(PRIMARY) || write.touches16(SUBORDINATE))
        .count()
}

/// How often the kernel has written to a function.
fn nr_writes(machine: &Machine<'_>, function: Function) -> usize {
    let writes = machine.fake.take_writes();

    writes
        .iter()
        .filter(|write| write.function == function)
        .count()
}

/// Has the PCI core save the state of a device, and restore it after a reset.
fn save_and_restore(dev: &pci::Device, reset: impl FnOnce()) {
    // SAFETY: A valid device.
    unsafe { bindings::pci_save_state(dev.raw()) };
    reset();
    // SAFETY: A valid device.
    unsafe { bindings::pci_restore_state(dev.raw()) };
}

/// Whether ARI Forwarding of a port is on after a scan. It `was_on` before, or is `wanted` since
/// the device below has ARI.
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
    let core = Fixture::new()?;
    let machine = Machine::with(&core, more, more_below)?;

    match handover {
        Handover::Nothing => {}
        Handover::Devices => core.start_incoming(&machine.entries())?,
        Handover::Contained => core.contain(),
    }
    machine.fake.scan()?;
    Ok(machine.fake.get16(machine.ports[2], at) != 0)
}

/// What a scan is told about a port.
fn scanned(machine: &Machine<'_>, port: Function, pass: c_int) -> Result<c_int> {
    let dev = machine.device(port)?;
    let Numbers(secondary, subordinate) = machine.fake.numbers(port).ok_or(EINVAL)?;
    let primary = machine.fake.get8(port, PRIMARY);

    // SAFETY: A bridge on a bus that nobody scans.
    Ok(locked(|| unsafe {
        bindings::pci_liveupdate_scan_bridge(dev.raw(), primary, secondary, subordinate, pass)
    }))
}

/// `pci_liveupdate_is_live()`, as C calls it.
fn is_live(machine: &Machine<'_>, function: Function) -> bool {
    // SAFETY: A valid device.
    let is_live = |dev| unsafe { bindings::pci_liveupdate_is_live(dev) };

    machine
        .fake
        .device(function)
        .is_some_and(|dev| is_live(dev.raw()))
}

/// Sets `driver_override` of a device, or removes it if the name is empty.
fn override_driver(dev: &pci::Device, name: &CStr) -> Result {
    let (name, len) = (name.as_char_ptr(), name.to_bytes().len());

    // SAFETY: A valid device, and a string of that length.
    to_result(unsafe {
        bindings::__device_set_driver_override(&raw mut (*dev.raw()).dev, name, len)
    })
}

/// Whether a driver that has the ID of the device may bind to it.
fn driver_match(machine: &Machine<'_>, function: Function, liveupdate: bool) -> Result<bool> {
    let dev = machine.device(function)?;
    let driver = bindings::pci_driver {
        name: c"fabric".as_char_ptr(),
        liveupdate,
        ..Default::default()
    };

    // SAFETY: A valid device, and all of a driver that the function reads.
    Ok(unsafe { bindings::pci_liveupdate_driver_match(dev.raw(), &raw const driver) })
}

#[kunit_tests(pci_liveupdate_fabric)]
mod tests {
    use super::*;

    /// While a device is incoming, no bus number is assigned. A bridge that would need one is left
    /// alone until the last device is finished.
    #[test]
    fn numbers_until_finish() -> Result {
        for numbers in [NONE, TAKEN] {
            let core = Fixture::new()?;
            let machine = Machine::new(&core)?;
            let [bridge, below] = add_bridge(&machine, BEHIND, numbers)?;

            machine.arrive()?;
            assert_eq!(nr_number_writes(&machine), 0);
            assert!(machine.fake.device(bridge).is_some());
            assert!(machine.is_incoming(machine.endpoint));
            machine.fake.rescan();
            assert_eq!(nr_writes(&machine, bridge), 0);

            let dev = machine.device(machine.endpoint)?;
            core.finish(&dev);
            drop(dev);
            assert_eq!(machine.fake.numbers(bridge), Some(numbers));
            machine.fake.rescan();
            assert_eq!(machine.fake.numbers(bridge), Some(Numbers(4, 4)));
            assert!(machine.fake.device(below).is_some());
        }
        Ok(())
    }

    /// The same while a device is outgoing, until the last one is unpreserved.
    #[test]
    fn numbers_until_unpreserve() -> Result {
        for numbers in [NONE, TAKEN] {
            let core = Fixture::new()?;
            let machine = Machine::new(&core)?;

            core.start_outgoing(8)?;
            machine.fake.scan()?;
            let dev = machine.device(machine.endpoint)?;
            core.preserve(&dev)?;
            let [bridge, below] = add_bridge(&machine, BEHIND, numbers)?;
            machine.fake.take_writes();
            machine.fake.rescan();
            assert_eq!(nr_number_writes(&machine), 0);
            assert!(machine.fake.device(bridge).is_some());
            machine.fake.rescan();
            assert_eq!(nr_writes(&machine, bridge), 0);

            core.unpreserve(&dev);
            drop(dev);
            assert_eq!(machine.fake.numbers(bridge), Some(numbers));
            machine.fake.rescan();
            assert_eq!(machine.fake.numbers(bridge), Some(Numbers(4, 4)));
            assert!(machine.fake.device(below).is_some());
        }
        Ok(())
    }

    /// A bridge that is scanned first does not get the numbers of an incoming bridge beside it.
    #[test]
    fn numbers_of_incoming_bridge() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;
        let [bridge, _] = add_bridge(&machine, BEFORE, TAKEN)?;

        machine.arrive()?;
        assert_eq!(nr_number_writes(&machine), 0);
        assert_eq!(machine.fake.numbers(bridge), Some(TAKEN));
        assert!(machine.fake.device(bridge).is_some());
        let endpoint = machine.device(machine.endpoint)?;
        let above = path(&*endpoint).map(|dev| dev.key());
        assert!(above.eq(machine.entries().into_iter().map(|(key, _)| key)));
        Ok(())
    }

    /// A bridge below one that keeps its numbers keeps its own in the same scan, whatever is
    /// finished meanwhile. In the next scan it does not, wherever that begins.
    #[test]
    fn numbers_wait_for_those_above() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;
        let [port, upstream, _] = machine.ports;

        machine.arrive()?;
        assert_eq!(scanned(&machine, port, 0)?, 1);
        let dev = machine.device(machine.endpoint)?;
        core.finish(&dev);
        drop(dev);
        assert_eq!(scanned(&machine, upstream, 0)?, 1);
        assert_eq!(scanned(&machine, upstream, 1)?, 1);
        assert_eq!(scanned(&machine, port, 1)?, 1);

        for port in [upstream, port, upstream] {
            assert_eq!(scanned(&machine, port, 0)?, 0);
        }
        Ok(())
    }

    /// When contained, live devices may be anywhere, so no bus number is assigned at all.
    #[test]
    fn numbers_when_contained() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;
        let [bridge, _] = add_bridge(&machine, BEHIND, NONE)?;

        core.contain();
        machine.fake.scan()?;
        machine.fake.rescan();
        assert_eq!(nr_number_writes(&machine), 0);
        assert_eq!(machine.fake.numbers(bridge), Some(NONE));
        assert!(machine.fake.device(machine.endpoint).is_some());
        Ok(())
    }

    /// When contained, no driver binds to a bridge that was left alone, as it would set Bus Master
    /// above devices that are not known. With known devices, one does.
    #[test]
    fn driver_of_bridge_left_alone() -> Result {
        for contained in [false, true] {
            let core = Fixture::new()?;
            let machine = Machine::new(&core)?;
            let [bridge, _] = add_bridge(&machine, BEHIND, NONE)?;

            if contained {
                core.contain();
            } else {
                core.start_incoming(&machine.entries())?;
            }
            machine.fake.scan()?;
            assert_eq!(driver_match(&machine, bridge, false)?, !contained);
            for port in machine.ports {
                assert!(driver_match(&machine, port, false)?);
            }
        }
        Ok(())
    }

    /// A device is live while it or a device below it is incoming or outgoing.
    #[test]
    fn live_devices() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;
        let live = || machine.all().map(|function| is_live(&machine, function));

        machine.arrive()?;
        assert_eq!(live(), [true, true, true, true, false, false]);
        let dev = machine.device(machine.endpoint)?;
        core.finish(&dev);
        assert_eq!(live(), [false; 6]);

        core.start_outgoing(8)?;
        core.preserve(&dev)?;
        assert_eq!(live(), [true, true, true, true, false, false]);
        core.unpreserve(&dev);
        assert_eq!(live(), [false; 6]);
        Ok(())
    }

    /// Until it is finished, an incoming device is bound only to a driver that takes it over, or by
    /// `driver_override`. The driver of a bridge need not.
    #[test]
    fn driver_of_incoming() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;
        let endpoint = machine.endpoint;

        machine.arrive()?;
        for function in machine.all() {
            assert_eq!(
                driver_match(&machine, function, false)?,
                function != endpoint
            );
            assert!(driver_match(&machine, function, true)?);
        }
        let dev = machine.device(endpoint)?;
        override_driver(&dev, c"fabric")?;
        assert!(driver_match(&machine, endpoint, false)?);
        override_driver(&dev, c"")?;
        assert!(!driver_match(&machine, endpoint, false)?);
        core.finish(&dev);
        assert!(driver_match(&machine, endpoint, false)?);
        Ok(())
    }

    /// The kernel chooses ACS Control of a port, but not above an incoming device. There it is
    /// restored after a reset, also when nothing is incoming any more.
    #[test]
    fn acs() -> Result {
        for is_incoming in [false, true] {
            let core = Fixture::new()?;
            let at = Config::express()?.add_acs(ACS);
            let more = |port: &mut Config| {
                port.add_acs(ACS);
            };
            let machine = Machine::with(&core, more, |_| {})?;

            if is_incoming {
                core.start_incoming(&machine.entries())?;
            }
            machine.fake.scan()?;
            let writes = machine.fake.take_writes();
            for port in machine.ports {
                let mut own = writes.iter().filter(|write| write.function == port);
                assert_eq!(own.any(|write| write.touches16(at)), !is_incoming);
            }

            let [port, ..] = machine.ports;
            let dev = machine.device(port)?;
            save_and_restore(&dev, || machine.fake.set16(port, at, 0));
            let kept = machine.fake.get16(port, at) == ACS;
            assert_eq!(kept, is_incoming);

            let endpoint = machine.device(machine.endpoint)?;
            core.finish(&endpoint);
            drop(endpoint);
            assert!(!core.is_incoming(&dev));
            save_and_restore(&dev, || machine.fake.set16(port, at, 0));
            let kept = machine.fake.get16(port, at) == ACS;
            assert_eq!(kept, is_incoming);
            drop(dev);
        }
        Ok(())
    }

    /// ARI Forwarding of a port stays as it is above an incoming device and when contained.
    /// Otherwise it is chosen by the device below.
    #[test]
    fn ari() -> Result {
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
        Ok(())
    }

    /// A device whose path has ACS that only a quirk knows how to enable is not preserved, whether
    /// it was enabled or not. The ID is not enough: the quirks are for Root Ports.
    #[test]
    fn acs_quirks() -> Result {
        let table = [
            (ORDINARY, Ok(())),
            (WIDE, Err(EINVAL)),
            (NONE_AT_ALL, Err(EINVAL)),
        ];

        for (device, expected) in table {
            let more = |port: &mut Config| {
                port.set_id(INTEL, device);
                // Where a quirk finds its registers.
                if device == WIDE {
                    port.add_wide_acs(ACS);
                }
            };
            let core = Fixture::new()?;
            let machine = Machine::with(&core, more, |_| {})?;

            core.start_outgoing(8)?;
            machine.fake.scan()?;
            let dev = machine.device(machine.endpoint)?;
            assert_eq!(core.preserve(&dev), expected);
            drop(dev);
        }
        Ok(())
    }

    /// A port whose ACS registers are elsewhere has back after a reset what it had.
    #[test]
    fn wide_acs_is_adopted() -> Result {
        let at = Config::express()?.add_wide_acs(ACS);
        let more = |port: &mut Config| {
            port.set_id(INTEL, WIDE);
            port.add_wide_acs(ACS);
        };
        let core = Fixture::new()?;
        let machine = Machine::with(&core, more, |_| {})?;

        machine.arrive()?;
        let [port, ..] = machine.ports;
        assert_eq!(machine.fake.get16(port, at), ACS);
        let dev = machine.device(port)?;
        save_and_restore(&dev, || machine.fake.set16(port, at, 0));
        assert_eq!(machine.fake.get16(port, at), ACS);
        drop(dev);
        Ok(())
    }

    /// What the next kernel would refuse is refused: each bridge of the path with numbers that it
    /// could not use as they are. Nothing is counted for it.
    #[test]
    fn unusable_path() -> Result {
        for nr in 0..3 {
            for (at, value) in [(PRIMARY, 0x7f), (SECONDARY, 0), (SUBORDINATE, 0)] {
                let core = Fixture::new()?;
                let machine = Machine::new(&core)?;
                let port = machine.ports[nr];

                core.start_outgoing(8)?;
                machine.fake.scan()?;
                let dev = machine.device(machine.endpoint)?;
                let was = machine.fake.get8(port, at);
                machine.fake.set8(port, at, value);
                assert_eq!(core.preserve(&dev), Err(EINVAL));
                assert_eq!(core.nr_outgoing(), Some(0));
                machine.fake.set8(port, at, was);
                assert_eq!(core.preserve(&dev), Ok(()));
                drop(dev);
            }
        }
        Ok(())
    }

    /// A bridge that has its entry is not judged again.
    #[test]
    fn counted_again_unjudged() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;
        let [port, upstream, downstream] = machine.ports;
        let more = machine
            .fake
            .plug(Some(downstream), 0x01, Config::endpoint()?)?;

        core.start_outgoing(8)?;
        machine.fake.scan()?;
        let first = machine.device(machine.endpoint)?;
        let second = machine.device(more)?;
        core.preserve(&first)?;
        for port in [port, upstream, downstream] {
            machine.fake.set8(port, PRIMARY, 0x7f);
        }
        assert_eq!(core.preserve(&second), Ok(()));
        assert_eq!(core.nr_outgoing(), Some(5));
        drop((first, second));
        Ok(())
    }
}
