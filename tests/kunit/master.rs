// SPDX-License-Identifier: GPL-2.0

//! Bus Master of live devices and of the bridges above them.

use super::{
    fixture::Fixture,
    hardware::Function,
    machine::Machine, //
};
use crate::device::DeviceExt;
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

/// A driver that enables its device and disables it again, like that of a port without services.
fn enable_and_disable(dev: &pci::Device) -> Result {
    // SAFETY: A valid device, that is disabled as often as it is enabled.
    unsafe {
        to_result(bindings::pci_enable_device(dev.raw()))?;
        bindings::pci_set_master(dev.raw());
        bindings::pci_disable_device(dev.raw());
    }
    Ok(())
}

/// Whether Bus Master is set after each of them.
///
/// The second one leaves the bridges above the device enabled, so it has to be called for them
/// before.
fn stop(machine: &Machine<'_>, function: Function) -> Result<[bool; 2]> {
    let dev = machine.device(function)?;

    clear_master(&dev);
    let after_clear = machine.has_master(function);
    enable_and_disable(&dev)?;
    Ok([after_clear, machine.has_master(function)])
}

#[kunit_tests(pci_liveupdate_master)]
mod tests {
    use super::*;

    /// Bus Master of a device that is not live is cleared.
    #[test]
    fn cleared() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;

        machine.fake.scan()?;
        for function in machine.all() {
            assert!(machine.has_master(function));
            assert_eq!(stop(&machine, function)?, [false; 2]);
        }
        Ok(())
    }

    /// On an incoming device and on the bridges above it, it stays set until finish.
    #[test]
    fn kept_while_incoming() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;

        machine.arrive()?;
        for function in machine.all() {
            let kept = machine.path().contains(&function);

            assert!(machine.has_master(function));
            assert_eq!(stop(&machine, function)?, [kept; 2]);
        }

        let dev = machine.device(machine.endpoint)?;
        core.finish(&dev);
        drop(dev);
        assert_eq!(stop(&machine, machine.endpoint)?, [false; 2]);
        Ok(())
    }

    /// The driver of an outgoing device may clear it before the jump. On the bridges above, it
    /// stays set.
    #[test]
    fn kept_above_outgoing() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;

        core.start_outgoing(8)?;
        machine.fake.scan()?;
        let dev = machine.device(machine.endpoint)?;
        core.preserve(&dev)?;
        for function in machine.all() {
            let kept = machine.ports.contains(&function);

            assert_eq!(stop(&machine, function)?, [kept; 2]);
        }

        core.unpreserve(&dev);
        drop(dev);
        let [after_clear, _] = stop(&machine, machine.ports[0])?;
        assert!(!after_clear);
        Ok(())
    }
}
