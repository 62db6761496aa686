// SPDX-License-Identifier: GPL-2.0

//! Resets and sleep states that would stop live devices.

use super::{
    fixture::Fixture,
    hardware::Function,
    machine::Machine, //
};
use crate::{
    device::DeviceExt,
    fabric::sleep::Sleep, //
};
use kernel::{
    bindings,
    prelude::*, //
};

/// Whether a function and the bus that it is on may be reset.
fn may_reset(machine: &Machine<'_>, function: Function) -> Result<[bool; 2]> {
    let dev = machine.device(function)?;

    // SAFETY: A valid device, which no driver is bound to.
    Ok(unsafe {
        [
            bindings::pci_liveupdate_may_reset(dev.raw()),
            bindings::pci_liveupdate_may_reset_bus(dev.raw()),
        ]
    })
}

/// For each port, whether everything below it may be reset.
fn may_reset_below(machine: &Machine<'_>) -> [bool; 3] {
    // SAFETY: A valid device.
    let may = |dev| unsafe { bindings::pci_liveupdate_may_reset_below(dev) };
    let devices = machine.ports.map(|port| machine.fake.device(port));

    devices.map(|dev| dev.is_some_and(|dev| may(dev.raw())))
}

#[kunit_tests(pci_liveupdate_resets)]
mod tests {
    use super::*;

    /// Without a live device, everything may be reset.
    #[test]
    fn not_live() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;

        machine.fake.scan()?;
        for function in machine.all() {
            assert_eq!(may_reset(&machine, function)?, [true; 2]);
        }
        assert_eq!(may_reset_below(&machine), [true; 3]);
        Ok(())
    }

    /// No reset reaches an incoming device or a bridge above it, until it is finished. The root bus
    /// has both.
    #[test]
    fn incoming() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;

        machine.arrive()?;
        for function in machine.path() {
            assert_eq!(may_reset(&machine, function)?, [false; 2]);
        }
        for function in machine.slot {
            assert_eq!(may_reset(&machine, function)?, [true, false]);
        }
        assert_eq!(may_reset_below(&machine), [false; 3]);

        let dev = machine.device(machine.endpoint)?;
        core.finish(&dev);
        drop(dev);
        for function in machine.all() {
            assert_eq!(may_reset(&machine, function)?, [true; 2]);
        }
        assert_eq!(may_reset_below(&machine), [true; 3]);
        Ok(())
    }

    /// The same for an outgoing device, until it is unpreserved.
    #[test]
    fn outgoing() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;

        machine.fake.scan()?;
        core.start_outgoing(8)?;
        let dev = machine.device(machine.slot[0])?;
        core.preserve(&dev)?;
        let [first, second] = machine.slot;
        assert_eq!(may_reset(&machine, first)?, [false; 2]);
        assert_eq!(may_reset(&machine, second)?, [true, false]);
        assert_eq!(may_reset(&machine, machine.ports[0])?, [true, false]);
        assert_eq!(may_reset(&machine, machine.endpoint)?, [true; 2]);
        assert_eq!(may_reset_below(&machine), [true; 3]);
        core.unpreserve(&dev);
        assert_eq!(may_reset(&machine, second)?, [true; 2]);
        Ok(())
    }

    /// The system cannot sleep while a device is live, and no device can be preserved while it
    /// does.
    #[test]
    fn sleep() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;

        machine.arrive()?;
        core.start_outgoing(8)?;
        let dev = machine.device(machine.endpoint)?;
        assert!(!core.may_sleep());
        assert_eq!(core.prepare_sleep(Sleep::ToMemory), Err(EBUSY));
        core.finish(&dev);
        assert!(core.may_sleep());

        core.prepare_sleep(Sleep::ToMemory)?;
        assert_eq!(core.preserve(&dev), Err(EAGAIN));
        core.end_sleep(Sleep::ToMemory);
        core.preserve(&dev)?;
        assert!(!core.may_sleep());
        assert_eq!(core.prepare_sleep(Sleep::ToMemory), Err(EBUSY));
        core.unpreserve(&dev);
        assert!(core.may_sleep());
        Ok(())
    }

    /// A suspend that ends does not end a hibernation, nor the other way round.
    #[test]
    fn suspend_during_hibernation() -> Result {
        for (long, short) in [
            (Sleep::ToDisk, Sleep::ToMemory),
            (Sleep::ToMemory, Sleep::ToDisk),
        ] {
            let core = Fixture::new()?;
            let machine = Machine::new(&core)?;

            machine.fake.scan()?;
            core.start_outgoing(8)?;
            let dev = machine.device(machine.endpoint)?;
            core.prepare_sleep(long)?;
            core.prepare_sleep(short)?;
            core.end_sleep(short);
            assert_eq!(core.preserve(&dev), Err(EAGAIN));
            core.end_sleep(long);
            core.preserve(&dev)?;
            core.unpreserve(&dev);
        }
        Ok(())
    }
}
