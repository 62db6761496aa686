// SPDX-License-Identifier: GPL-2.0

//! In which formats this kernel hands over, and takes over.

use crate::abi::{
    blocks,
    COMPATIBLE, //
};
use core::{
    ffi::CStr,
    fmt, //
};

/// A format, which is an FLB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `pci-v3`: an array.
    Array,
    /// `pci`: a list of blocks.
    Blocks,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 2] = [Self::Array, Self::Blocks];

    /// The name of the FLB.
    pub const fn name(self) -> &'static CStr {
        match self {
            Self::Array => COMPATIBLE,
            Self::Blocks => blocks::COMPATIBLE,
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Array => 1,
            Self::Blocks => 2,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().to_str().unwrap_or_default())
    }
}

/// Some formats, at least one.
///
/// # Invariants
///
/// A bit is set, and none but those of formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Formats(u8);

impl Formats {
    /// Every format.
    pub const ALL: Self = Self(Format::Array.bit() | Format::Blocks.bit());

    /// Parses `pci_liveupdate.formats=`: names, with commas between them.
    pub fn parse(names: &[u8]) -> Option<Self> {
        let mut bits = 0;

        for name in names.split(|&byte| byte == b',') {
            let mut all = Format::ALL.into_iter();
            bits |= all.find(|f| f.name().to_bytes() == name)?.bit();
        }
        Self::from_bits(bits)
    }

    /// The same as a number.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The formats of a number.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        // INVARIANT: as checked here.
        match bits & !Self::ALL.0 {
            0 if bits != 0 => Some(Self(bits)),
            _ => None,
        }
    }

    /// Whether `format` is one of them.
    pub const fn has(self, format: Format) -> bool {
        self.0 & format.bit() != 0
    }
}

/// As on the command line.
impl fmt::Display for Formats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let formats = Format::ALL.into_iter().filter(|format| self.has(*format));

        for (nth, format) in formats.enumerate() {
            let comma = if nth == 0 { "" } else { "," };
            write!(f, "{comma}{format}")?;
        }
        Ok(())
    }
}
