// SPDX-License-Identifier: GPL-2.0

//! Bus Master of devices that run for another kernel, and of what is above them.

use super::{
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
    error::to_result,
    pci,
    prelude::*, //
};

/// A driver that stops its device.
fn clear_master(dev: &pci::Device) {
    // SAFETY: A valid device.
    unsafe { bindings::pci_clear_master(dev.raw()) };
}

/// A driver that has nothing to do, like that of a port without services.
fn come_and_go(dev: &pci::Device) -> Result {
    // SAFETY: A valid device, that is disabled as often as it is enabled.
    unsafe {
        to_result(bindings::pci_enable_device(dev.raw()))?;
        bindings::pci_set_master(dev.raw());
        bindings::pci_disable_device(dev.raw());
    }
    Ok(())
}

/// What each of them, one by one, leaves of Bus Master.
///
/// From the second one on, the bridges above stay enabled, so this is for them first.
fn stop(machine: &Machine, function: Function) -> Result<[bool; 2]> {
    let dev = machine.fake.device(function).ok_or(ENODEV)?;

    clear_master(&dev);
    let after_clear = machine.has_master(function);
    come_and_go(&dev)?;
    Ok([after_clear, machine.has_master(function)])
}

#[kunit_tests(pci_liveupdate_master)]
mod tests {
    use super::*;

    /// Without Live Update, whoever means to clear Bus Master does.
    #[test]
    fn cleared() -> Result {
        let machine = Machine::new()?;

        scene::clear();
        machine.fake.scan()?;
        for function in machine.all() {
            assert!(machine.has_master(function));
            assert_eq!(stop(&machine, function)?, [false; 2]);
        }
        Ok(())
    }

    /// Nobody does on an incoming device and above it, until it is finished.
    #[test]
    fn kept_while_incoming() -> Result {
        let machine = Machine::new()?;

        scene::begin_incoming(&machine.entries())?;
        machine.fake.scan()?;
        for function in machine.all() {
            let kept = machine.path().contains(&function);

            assert!(machine.has_master(function));
            assert_eq!(stop(&machine, function)?, [kept; 2]);
        }

        let dev = machine.fake.device(machine.endpoint).ok_or(ENODEV)?;
        incoming::finish(&dev);
        drop(dev);
        assert_eq!(stop(&machine, machine.endpoint)?, [false; 2]);
        scene::clear();
        Ok(())
    }

    /// A device that goes to the next kernel is its driver's until the last moment. The bridges
    /// above it are not.
    #[test]
    fn kept_above_outgoing() -> Result {
        let machine = Machine::new()?;

        scene::begin_outgoing(8)?;
        machine.fake.scan()?;
        let dev = machine.fake.device(machine.endpoint).ok_or(ENODEV)?;
        outgoing::preserve(&dev)?;
        for function in machine.all() {
            let kept = machine.ports.contains(&function);

            assert_eq!(stop(&machine, function)?, [kept; 2]);
        }

        outgoing::unpreserve(&dev);
        drop(dev);
        let [after_clear, _] = stop(&machine, machine.ports[0])?;
        assert!(!after_clear);
        scene::clear();
        Ok(())
    }
}
