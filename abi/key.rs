// SPDX-License-Identifier: GPL-2.0

//! The address of a PCI function.

use core::fmt;

/// A PCI function: its segment, bus, device and function numbers.
///
/// # Invariants
///
/// The value is below `1 << 48`: the segment above 16 bits of bus and function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u64);

impl Key {
    /// Returns the key of function `bdf` (`bus << 8 | devfn`) of segment `domain`.
    pub const fn new(domain: u32, bdf: u16) -> Self {
        // CAST: widened before the shift, so that no bit of the segment is lost.
        //
        // INVARIANT: 32 bits of segment, 16 bits of function.
        Self((domain as u64) << 16 | bdf as u64)
    }

    /// `domain << 16 | bdf`, the index of the function in an xarray.
    pub const fn index(self) -> u64 {
        self.0
    }

    /// The PCI segment.
    pub const fn domain(self) -> u32 {
        // CAST: by the type invariant, 32 bits are left.
        (self.0 >> 16) as u32
    }

    /// `bus << 8 | devfn`.
    pub const fn bdf(self) -> u16 {
        // CAST: the lower 16 bits.
        self.0 as u16
    }
}

/// In the form of `pci_name()`: `0000:00:1f.3`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bdf = self.bdf();

        write!(
            f,
            "{:04x}:{:02x}:{:02x}.{:x}",
            self.domain(),
            bdf >> 8,
            bdf >> 3 & 0x1f,
            bdf & 7,
        )
    }
}
