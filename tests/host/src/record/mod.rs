// SPDX-License-Identifier: GPL-2.0

//! Records of what functions are: built field by field, taken over as the kernel does, and read by
//! a second implementation.

pub mod naive;
pub mod text;

use crate::{
    abi::identity::{
        Identity,
        Record, //
    },
    folio::Folio, //
};
use zerocopy::FromBytes;

/// The record in `folio`, which covers all of it.
pub fn of(folio: &Folio) -> &Record {
    match Record::ref_from_prefix(folio.as_bytes()) {
        Ok((record, _)) => record,
        Err(_) => unreachable!("words hold an aligned header"),
    }
}

/// The same, to be written.
pub fn of_mut(folio: &mut Folio) -> &mut Record {
    match Record::mut_from_prefix(folio.as_mut_bytes()) {
        Ok((record, _)) => record,
        Err(_) => unreachable!("words hold an aligned header"),
    }
}

/// An Ethernet card, as it was left.
pub const CARD: Identity = Identity {
    domain: 0,
    bdf: 0x0400,
    flags: Identity::USED | Identity::DMA | Identity::ACS,
    header_type: 0,
    vendor: 0x8086,
    device: 0x10d3,
    subsystem_vendor: 0x8086,
    subsystem: 0xa01f,
    class_revision: 0x0200_0003,
    acs_ctrl: 0x1d,
    buses: [0; 3],
    reserved: [0; 7],
};

/// An entry that is written at plain offsets, without the types of the ABI.
#[derive(Clone, Copy, Debug)]
pub struct Entry([u8; Self::SIZE]);

impl Entry {
    /// Bytes of an entry.
    pub const SIZE: usize = 32;

    /// A used entry of a function of segment 0 whose other values are 0.
    pub fn new(bdf: u16) -> Self {
        Self([0; Self::SIZE])
            .put(4, &bdf.to_ne_bytes())
            .flags(Identity::USED)
    }

    /// Sets the segment.
    pub fn domain(self, domain: u32) -> Self {
        self.put(0, &domain.to_ne_bytes())
    }

    /// Sets the flags.
    pub fn flags(self, flags: u8) -> Self {
        self.put(6, &[flags])
    }

    /// Sets Header Type.
    pub fn header_type(self, header_type: u8) -> Self {
        self.put(7, &[header_type])
    }

    /// Sets Vendor ID and Device ID.
    pub fn device(self, vendor: u16, device: u16) -> Self {
        self.put(8, &vendor.to_ne_bytes())
            .put(10, &device.to_ne_bytes())
    }

    /// Sets Subsystem Vendor ID and Subsystem ID.
    pub fn subsystem(self, vendor: u16, device: u16) -> Self {
        self.put(12, &vendor.to_ne_bytes())
            .put(14, &device.to_ne_bytes())
    }

    /// Sets Class Code and Revision ID.
    pub fn class(self, class: u32, revision: u8) -> Self {
        let both = class << 8 | u32::from(revision);

        self.put(16, &both.to_ne_bytes())
    }

    /// Sets ACS Control.
    pub fn acs(self, ctrl: u16) -> Self {
        self.put(20, &ctrl.to_ne_bytes())
    }

    /// Sets the bus numbers.
    pub fn buses(self, buses: [u8; 3]) -> Self {
        self.put(22, &buses)
    }

    /// Writes `bytes` at `offset`.
    pub fn put(mut self, offset: usize, bytes: &[u8]) -> Self {
        self.0[offset..][..bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Whether the entry is in use.
    fn is_used(&self) -> bool {
        self.0[6] != 0
    }
}

/// A record that is written at plain offsets, without the types of the ABI.
#[derive(Clone, Debug)]
pub struct Block {
    bytes: Vec<u8>,
    nr: u32,
}

impl Block {
    /// An empty array in all of `size` bytes.
    pub fn new(size: usize) -> Self {
        let fits = (size - 8) / Entry::SIZE;

        Self {
            bytes: vec![0; size],
            nr: 0,
        }
        .max(u32::try_from(fits).expect("no folio is that large"))
    }

    /// Sets `max_nr`.
    pub fn max(self, max: u32) -> Self {
        self.put(0, &max.to_ne_bytes())
    }

    /// Sets `nr`.
    pub fn nr(self, nr: u32) -> Self {
        Self { nr, ..self }.put(4, &nr.to_ne_bytes())
    }

    /// Writes entry `at`, which is zero before, and counts it in `nr` if it is in use.
    pub fn entry(self, at: usize, entry: Entry) -> Self {
        let nr = self.nr + u32::from(entry.is_used());

        self.nr(nr).stray(at, entry)
    }

    /// Writes entry `at`, and leaves `nr` alone.
    pub fn stray(self, at: usize, entry: Entry) -> Self {
        self.put(8 + Entry::SIZE * at, &entry.0)
    }

    /// Writes `bytes` at `offset`.
    pub fn put(mut self, offset: usize, bytes: &[u8]) -> Self {
        self.bytes[offset..][..bytes.len()].copy_from_slice(bytes);
        self
    }

    /// The bytes that were written.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The record in memory.
    pub fn folio(&self) -> Folio {
        Folio::new(self.bytes.len(), &self.bytes)
    }
}
