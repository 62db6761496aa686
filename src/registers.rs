// SPDX-License-Identifier: GPL-2.0

//! What the core reads and writes of the configuration space of a device.

use crate::{
    bus::Scan,
    device::DeviceExt,
    logic::Range, //
};
use kernel::{
    bindings,
    pci,
    prelude::*, //
};

/// Registers, and what `struct pci_dev` says about them.
pub(crate) trait Registers {
    /// The numbers of the buses behind a bridge.
    fn buses(&self) -> Option<Range>;

    /// Takes the numbers of all buses, its own as well, from a bridge.
    fn clear_buses(&self);

    /// Whether a bridge forwards to more than eight functions.
    fn ari_forwarding(&self) -> bool;

    /// Has a bridge scanned for as many functions as it forwards to.
    fn scan_with_ari(&self, on: bool, scan: &Scan);

    /// The control bits of ACS, if the device has the capability.
    fn acs(&self) -> Option<u16>;

    /// Sets the control bits of ACS.
    fn set_acs(&self, control: u16);

    /// The control bits of ACS that were remembered.
    fn acs_kept(&self) -> u16;

    /// Remembers control bits of ACS.
    ///
    /// # Safety
    ///
    /// Only for the set-up of the device, when nobody else knows it yet.
    unsafe fn keep_acs(&self, control: u16);
}

impl Registers for pci::Device {
    fn buses(&self) -> Option<Range> {
        Some(Range {
            first: read_byte(self, bindings::PCI_SECONDARY_BUS)?,
            last: read_byte(self, bindings::PCI_SUBORDINATE_BUS)?,
        })
    }

    fn clear_buses(&self) {
        let offset = bindings::PCI_PRIMARY_BUS as c_int;
        let mut buses = 0;

        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device. The last byte
        // is the latency timer.
        unsafe {
            if bindings::pci_read_config_dword(self.raw(), offset, &raw mut buses) == 0 {
                bindings::pci_write_config_dword(self.raw(), offset, buses & 0xff00_0000);
            }
        }
    }

    fn ari_forwarding(&self) -> bool {
        let mut control = 0;

        // CAST: offsets are `int` in C.
        let offset = bindings::PCI_EXP_DEVCTL2 as c_int;
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device. What it does
        // not have is read as 0.
        let error =
            unsafe { bindings::pcie_capability_read_word(self.raw(), offset, &raw mut control) };

        error == 0 && u32::from(control) & bindings::PCI_EXP_DEVCTL2_ARI != 0
    }

    fn scan_with_ari(&self, on: bool, _: &Scan) {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device. Nobody but the
        // scan changes the bit.
        unsafe { bindings::pci_liveupdate_set_ari(self.raw(), on) };
    }

    fn acs(&self) -> Option<u16> {
        read_word(self, acs_control(self)?)
    }

    fn set_acs(&self, control: u16) {
        if let Some(offset) = acs_control(self) {
            // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device. It is the
            // register that the PCI core would write.
            unsafe { bindings::pci_write_config_word(self.raw(), offset, control) };
        }
    }

    fn acs_kept(&self) -> u16 {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device. The field is
        // not written after the device was set up.
        unsafe { (*self.raw()).acs_kept }
    }

    unsafe fn keep_acs(&self, control: u16) {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device. By the safety
        // requirements, nobody else looks at the field.
        unsafe { (*self.raw()).acs_kept = control };
    }
}

/// Where the control bits of ACS are.
fn acs_control(dev: &pci::Device) -> Option<c_int> {
    // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
    match unsafe { (*dev.raw()).acs_cap } {
        0 => None,
        // CAST: offsets are `int` in C.
        cap => Some(c_int::from(cap) + bindings::PCI_ACS_CTRL as c_int),
    }
}

fn read_word(dev: &pci::Device, offset: c_int) -> Option<u16> {
    let mut value = 0;

    // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
    match unsafe { bindings::pci_read_config_word(dev.raw(), offset, &raw mut value) } {
        0 => Some(value),
        _ => None,
    }
}

fn read_byte(dev: &pci::Device, offset: u32) -> Option<u8> {
    let mut value = 0;

    // CAST: offsets are `int` in C.
    // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
    match unsafe { bindings::pci_read_config_byte(dev.raw(), offset as c_int, &raw mut value) } {
        0 => Some(value),
        _ => None,
    }
}
