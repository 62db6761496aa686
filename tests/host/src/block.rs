// SPDX-License-Identifier: GPL-2.0

//! Builds blocks field by field, valid or not.

use crate::folio::Folio;

/// A block that is written at plain offsets, without the types of the ABI.
#[derive(Clone, Debug)]
pub struct Block {
    bytes: Vec<u8>,
    nr: u32,
}

impl Block {
    /// An empty array in all of `size` bytes.
    pub fn new(size: usize) -> Self {
        let fits = (size - 8) / 8;

        Self {
            bytes: vec![0; size],
            nr: 0,
        }
        .max(u32::try_from(fits).expect("no folio is that large"))
    }

    /// An empty array of `devices` entries, and no memory behind it.
    pub fn for_devices(devices: usize) -> Self {
        Self::new(8 + 8 * devices)
    }

    /// Sets `max_nr_devices`.
    pub fn max(self, max: u32) -> Self {
        self.put(0, &max.to_ne_bytes())
    }

    /// Sets `nr_devices`.
    pub fn nr(self, nr: u32) -> Self {
        Self { nr, ..self }.put(4, &nr.to_ne_bytes())
    }

    /// Writes entry `at`, which is zero before, and counts it in `nr_devices` if it is in use.
    pub fn entry(self, at: usize, domain: u32, bdf: u16, count: u16) -> Self {
        let nr = self.nr + u32::from(count != 0);

        self.nr(nr).stray(at, domain, bdf, count)
    }

    /// Writes entry `at`, and leaves `nr_devices` alone.
    pub fn stray(self, at: usize, domain: u32, bdf: u16, count: u16) -> Self {
        let at = 8 + 8 * at;

        self.put(at, &domain.to_ne_bytes())
            .put(at + 4, &bdf.to_ne_bytes())
            .put(at + 6, &count.to_ne_bytes())
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

    /// The block in memory.
    pub fn folio(&self) -> Folio {
        Folio::new(self.bytes.len(), &self.bytes)
    }
}
