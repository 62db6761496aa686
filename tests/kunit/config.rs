// SPDX-License-Identifier: GPL-2.0

//! The configuration space of a function that exists in memory only.
//!
//! Registers that nothing was said about read as 0 and ignore writes: no BARs, no capabilities.

use kernel::{
    bindings,
    prelude::*, //
};

/// Unassigned, so that no driver and no quirk feels meant.
const VENDOR: u16 = 0xfff0;

const ENDPOINT: u16 = 0x00ff;
const BRIDGE: u16 = bindings::PCI_CLASS_BRIDGE_PCI as u16;

const CONVENTIONAL: usize = 256;
const EXPRESS: usize = 4096;

pub(crate) const COMMAND: usize = bindings::PCI_COMMAND as usize;
pub(crate) const MASTER: u16 = bindings::PCI_COMMAND_MASTER as u16;
pub(crate) const PRIMARY: usize = bindings::PCI_PRIMARY_BUS as usize;
pub(crate) const SECONDARY: usize = bindings::PCI_SECONDARY_BUS as usize;
pub(crate) const SUBORDINATE: usize = bindings::PCI_SUBORDINATE_BUS as usize;

const HEADER_TYPE: usize = bindings::PCI_HEADER_TYPE as usize;
const STATUS: usize = bindings::PCI_STATUS as usize;
const CAPABILITIES: usize = bindings::PCI_CAPABILITY_LIST as usize;
const MEMORY_WINDOW: usize = bindings::PCI_MEMORY_BASE as usize;
const BRIDGE_CONTROL: usize = bindings::PCI_BRIDGE_CONTROL as usize;

/// Bus numbers behind a bridge: the bus itself, and the last one below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers(pub(crate) u8, pub(crate) u8);

/// What a PCI Express function is.
#[derive(Clone, Copy)]
pub(crate) enum Port {
    Endpoint = bindings::PCI_EXP_TYPE_ENDPOINT as isize,
    Root = bindings::PCI_EXP_TYPE_ROOT_PORT as isize,
    Upstream = bindings::PCI_EXP_TYPE_UPSTREAM as isize,
    Downstream = bindings::PCI_EXP_TYPE_DOWNSTREAM as isize,
}

/// The bytes of a configuration space, and which of their bits software can change.
pub(crate) struct Config {
    bytes: KVec<u8>,
    writable: KVec<u8>,
    /// Where the next capability goes, and where the offset of it goes.
    next: (usize, usize),
    /// The same for extended capabilities. They begin with the first one.
    next_extended: (usize, Option<usize>),
    /// Where the PCI Express capability is.
    express: Option<usize>,
}

impl Config {
    fn new(size: usize, class: u16) -> Result<Self> {
        let mut config = Self {
            bytes: KVec::from_elem(0, size, GFP_KERNEL)?,
            writable: KVec::from_elem(0, size, GFP_KERNEL)?,
            next: (0x40, CAPABILITIES),
            next_extended: (CONVENTIONAL, None),
            express: None,
        };

        config.set16(bindings::PCI_VENDOR_ID as usize, VENDOR);
        config.set16(bindings::PCI_DEVICE_ID as usize, 1);
        config.set16(bindings::PCI_CLASS_DEVICE as usize, class);
        config.let16(COMMAND, 0x0547);
        Ok(config)
    }

    /// A conventional function without anything below it.
    pub(crate) fn endpoint() -> Result<Self> {
        Self::new(CONVENTIONAL, ENDPOINT)
    }

    /// A conventional bridge, whose windows are closed.
    pub(crate) fn bridge(numbers: Numbers) -> Result<Self> {
        let mut config = Self::new(CONVENTIONAL, BRIDGE)?;

        config.make_bridge(numbers);
        Ok(config)
    }

    /// A PCI Express function without anything below it.
    pub(crate) fn express() -> Result<Self> {
        let mut config = Self::new(EXPRESS, ENDPOINT)?;

        config.add_express(Port::Endpoint);
        Ok(config)
    }

    /// A PCI Express port, whose windows are closed.
    pub(crate) fn port(port: Port, numbers: Numbers) -> Result<Self> {
        let mut config = Self::new(EXPRESS, BRIDGE)?;

        config.make_bridge(numbers);
        config.add_express(port);
        Ok(config)
    }

    fn make_bridge(&mut self, Numbers(secondary, subordinate): Numbers) {
        self.set8(HEADER_TYPE, bindings::PCI_HEADER_TYPE_BRIDGE as u8);
        self.set8(SECONDARY, secondary);
        self.set8(SUBORDINATE, subordinate);
        self.set16(MEMORY_WINDOW, 0xfff0);
        self.let16(PRIMARY, 0xffff);
        self.let16(SUBORDINATE, 0x00ff);
        self.let16(MEMORY_WINDOW, 0xfff0);
        self.let16(MEMORY_WINDOW + 2, 0xfff0);
        self.let16(BRIDGE_CONTROL, 0x0fff);
    }

    fn add_express(&mut self, port: Port) {
        let cap = self.add_capability(bindings::PCI_CAP_ID_EXP as u8, 0x3c);

        // CAST: the types of ports have four bits. Version 2 has all registers.
        self.set16(cap + 2, (port as u16) << 4 | 2);
        self.express = Some(cap);
    }

    /// Adds Access Control Services, all of them, enabled as in `control`. Returns where that is.
    pub(crate) fn add_acs(&mut self, control: u16) -> usize {
        let cap = self.add_extended(bindings::PCI_EXT_CAP_ID_ACS as u16, 8);
        let at = cap + bindings::PCI_ACS_CTRL as usize;

        self.set16(cap + bindings::PCI_ACS_CAP as usize, 0x005f);
        self.set16(at, control);
        self.let16(at, 0x007f);
        at
    }

    /// Makes it a function of that vendor, for quirks to find.
    pub(crate) fn set_id(&mut self, vendor: u16, device: u16) {
        self.set16(bindings::PCI_VENDOR_ID as usize, vendor);
        self.set16(bindings::PCI_DEVICE_ID as usize, device);
    }

    /// Adds Access Control Services as the ports of some chipsets have them: the registers are
    /// twice as wide. Returns where the controls are.
    pub(crate) fn add_wide_acs(&mut self, control: u16) -> usize {
        let cap = self.add_extended(bindings::PCI_EXT_CAP_ID_ACS as u16, 12);
        let at = cap + bindings::PCI_ACS_CAP as usize + 4;

        self.set16(cap + bindings::PCI_ACS_CAP as usize, 0x005f);
        self.set16(at, control);
        self.let16(at, 0x007f);
        at
    }

    /// Lets a port forward to more than eight functions, if `on` from the start. Returns where that
    /// is set.
    pub(crate) fn add_ari_forwarding(&mut self, on: bool) -> usize {
        let express = self.express.unwrap_or(0);
        let at = express + bindings::PCI_EXP_DEVCTL2 as usize;
        let bit = bindings::PCI_EXP_DEVCTL2_ARI as u16;

        self.set16(
            express + bindings::PCI_EXP_DEVCAP2 as usize,
            bindings::PCI_EXP_DEVCAP2_ARI as u16,
        );
        self.set16(at, if on { bit } else { 0 });
        self.let16(at, bit);
        at
    }

    /// Adds ARI, which says that no function comes after this one.
    pub(crate) fn add_ari(&mut self) {
        self.add_extended(bindings::PCI_EXT_CAP_ID_ARI as u16, 8);
    }

    /// Appends a capability of `size` bytes, and returns where it is.
    pub(crate) fn add_capability(&mut self, id: u8, size: usize) -> usize {
        let (at, link) = self.next;

        // CAST: capabilities are within the first 256 bytes.
        self.set8(link, at as u8);
        self.set8(at, id);
        self.set16(STATUS, bindings::PCI_STATUS_CAP_LIST as u16);
        self.next = (at + size.next_multiple_of(4), at + 1);
        at
    }

    /// Appends an extended capability of `size` bytes, and returns where it is.
    pub(crate) fn add_extended(&mut self, id: u16, size: usize) -> usize {
        let (at, last) = self.next_extended;

        if let Some(last) = last {
            // CAST: the offset has 12 bits, above the 4 of the version.
            self.set16(last + 2, (at as u16) << 4 | 1);
        }
        self.set16(at, id);
        self.set16(at + 2, 1);
        self.next_extended = (at + size.next_multiple_of(4), Some(at));
        at
    }

    /// Says that there are more functions in the slot of this one.
    pub(crate) fn set_multifunction(&mut self) {
        let header = self.get8(HEADER_TYPE) | bindings::PCI_HEADER_TYPE_MFD as u8;

        self.set8(HEADER_TYPE, header);
    }

    /// The bus numbers behind this function, if it is a bridge.
    pub(crate) fn numbers(&self) -> Option<Numbers> {
        let header = u32::from(self.get8(HEADER_TYPE)) & bindings::PCI_HEADER_TYPE_MASK;

        (header == bindings::PCI_HEADER_TYPE_BRIDGE)
            .then(|| Numbers(self.get8(SECONDARY), self.get8(SUBORDINATE)))
    }

    pub(crate) fn get8(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    pub(crate) fn get16(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.get8(at), self.get8(at + 1)])
    }

    /// Has the hardware change a register.
    pub(crate) fn set8(&mut self, at: usize, value: u8) {
        if let Some(byte) = self.bytes.get_mut(at) {
            *byte = value;
        }
    }

    /// Has the hardware change a register.
    pub(crate) fn set16(&mut self, at: usize, value: u16) {
        for (byte, at) in value.to_le_bytes().into_iter().zip(at..) {
            self.set8(at, byte);
        }
    }

    /// Lets software change the bits of `mask`.
    pub(crate) fn let16(&mut self, at: usize, mask: u16) {
        for (mask, at) in mask.to_le_bytes().into_iter().zip(at..) {
            if let Some(writable) = self.writable.get_mut(at) {
                *writable |= mask;
            }
        }
    }

    /// What software reads.
    pub(crate) fn read(&self, at: usize, size: usize) -> u32 {
        let bytes = (at..).take(size).map(|at| u32::from(self.get8(at)));

        bytes
            .zip((0..).step_by(8))
            .fold(0, |all, (byte, shift)| all | byte << shift)
    }

    /// What software writes.
    pub(crate) fn write(&mut self, at: usize, size: usize, value: u32) {
        for (new, at) in value.to_le_bytes().into_iter().take(size).zip(at..) {
            let writable = self.writable.get(at).copied().unwrap_or(0);

            self.set8(at, self.get8(at) & !writable | new & writable);
        }
    }
}
