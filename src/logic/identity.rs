// SPDX-License-Identifier: GPL-2.0

//! Whether a function is the one that was preserved.
//!
//! Another device in the same place is not incoming. The same one in another state is, and each
//! difference is told.

use crate::abi::identity::Identity;
use core::fmt;

/// What the ID registers of a function say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// Vendor ID.
    pub vendor: u16,
    /// Device ID.
    pub device: u16,
    /// Class Code.
    pub class: u32,
    /// Header Type, without the Multi-Function bit.
    pub header_type: u8,
}

impl From<&Identity> for Model {
    fn from(identity: &Identity) -> Self {
        Self {
            vendor: identity.vendor,
            device: identity.device,
            class: identity.class_revision >> 8,
            header_type: identity.header_type,
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04x}:{:04x} class {:#08x} header type {:#04x}",
            self.vendor, self.device, self.class, self.header_type
        )
    }
}

/// Another device than the one that was preserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherDevice {
    /// What was preserved.
    pub expected: Model,
    /// What is there.
    pub found: Model,
}

impl fmt::Display for OtherDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

/// A value that is not as it was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Revision ID.
    Revision(u8, u8),
    /// Subsystem Vendor ID and Subsystem ID.
    Subsystem([u16; 2], [u16; 2]),
    /// Primary, Secondary and Subordinate Bus Number.
    Buses([u8; 3], [u8; 3]),
    /// Bus Master, of a function whose DMA goes on.
    Master,
    /// ACS Control.
    Acs(Option<u16>, Option<u16>),
    /// ARI Forwarding.
    Ari(bool, bool),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revision(expected, found) => {
                write!(f, "expected revision {expected:#04x}, found {found:#04x}")
            }
            Self::Subsystem([vendor, device], [found, found_device]) => write!(
                f,
                "expected subsystem {vendor:04x}:{device:04x}, found {found:04x}:{found_device:04x}"
            ),
            Self::Buses(expected, found) => {
                write!(f, "expected buses {expected:02x?}, found {found:02x?}")
            }
            Self::Master => f.write_str("expected Bus Master set, found it clear"),
            Self::Acs(expected, found) => {
                let (expected, found) = (Acs(*expected), Acs(*found));
                write!(f, "expected {expected}, found {found}")
            }
            Self::Ari(expected, found) => {
                let on = |on: bool| if on { "on" } else { "off" };
                let (expected, found) = (on(*expected), on(*found));
                write!(f, "expected ARI Forwarding {expected}, found it {found}")
            }
        }
    }
}

/// ACS Control, for a reader.
struct Acs(Option<u16>);

impl fmt::Display for Acs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(ctrl) => write!(f, "ACS Control {ctrl:#06x}"),
            None => f.write_str("no ACS"),
        }
    }
}

/// Tells whether `found` is the device that `expected` says.
pub fn recognize(expected: &Identity, found: &Identity) -> Result<(), OtherDevice> {
    let (expected, found) = (Model::from(expected), Model::from(found));

    match expected == found {
        true => Ok(()),
        false => Err(OtherDevice { expected, found }),
    }
}

/// What is different in a device that was recognized, as far as that is known before it is set up.
pub fn differences(expected: &Identity, found: &Identity) -> impl Iterator<Item = Difference> {
    let revision = |identity: &Identity| identity.class_revision.to_le_bytes()[0];
    let subsystem = |identity: &Identity| [identity.subsystem_vendor, identity.subsystem];
    let master = |identity: &Identity| identity.has(Identity::DMA);

    [
        (revision(expected) != revision(found))
            .then(|| Difference::Revision(revision(expected), revision(found))),
        (subsystem(expected) != subsystem(found))
            .then(|| Difference::Subsystem(subsystem(expected), subsystem(found))),
        (expected.buses != found.buses).then_some(Difference::Buses(expected.buses, found.buses)),
        (master(expected) && !master(found)).then_some(Difference::Master),
    ]
    .into_iter()
    .flatten()
}

/// What is different in its capabilities, which are known later.
pub fn late_differences(expected: &Identity, found: &Identity) -> impl Iterator<Item = Difference> {
    let acs = |identity: &Identity| identity.has(Identity::ACS).then_some(identity.acs_ctrl);
    let ari = |identity: &Identity| identity.has(Identity::ARI);

    [
        (acs(expected) != acs(found)).then(|| Difference::Acs(acs(expected), acs(found))),
        (ari(expected) != ari(found)).then(|| Difference::Ari(ari(expected), ari(found))),
    ]
    .into_iter()
    .flatten()
}
