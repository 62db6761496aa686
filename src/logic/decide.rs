// SPDX-License-Identifier: GPL-2.0

//! Which devices are eligible to be preserved.

use core::fmt;

/// What is known about a device before anything is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// It is a Virtual Function.
    pub virtfn: bool,
    /// It has Virtual Functions enabled.
    pub vfs_enabled: bool,
    /// Its requests carry the ID of a device that is not above it.
    pub proxied: bool,
    /// ACS, its own or that of a bridge above it, is enabled by a device-specific quirk and not by
    /// the standard capability.
    pub acs_quirk: bool,
    /// Its IOMMU group holds a function that is neither itself nor a bridge above it.
    pub group_shared: bool,
    /// What the next kernel gets about it is settled.
    pub frozen: bool,
}

/// Why a device is not eligible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ineligible {
    /// See [`Facts::virtfn`].
    Virtfn,
    /// See [`Facts::vfs_enabled`].
    VfsEnabled,
    /// See [`Facts::proxied`].
    Proxied,
    /// See [`Facts::acs_quirk`].
    AcsQuirk,
    /// See [`Facts::group_shared`].
    GroupShared,
    /// See [`Facts::frozen`].
    Frozen,
}

impl fmt::Display for Ineligible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Virtfn => "Virtual Functions are not supported",
            Self::VfsEnabled => "its Virtual Functions are enabled",
            Self::Proxied => "its requests are issued by another device",
            Self::AcsQuirk => "ACS on its path is enabled by a device-specific quirk",
            Self::GroupShared => "its IOMMU group has other devices",
            Self::Frozen => "the kernel is being shut down",
        })
    }
}

/// Tells whether a device is eligible, as far as that depends on the device alone.
#[inline]
pub fn eligible(facts: &Facts) -> Result<(), Ineligible> {
    let refuse = |applies, reason| if applies { Err(reason) } else { Ok(()) };

    refuse(facts.virtfn, Ineligible::Virtfn)?;
    refuse(facts.vfs_enabled, Ineligible::VfsEnabled)?;
    refuse(facts.proxied, Ineligible::Proxied)?;
    refuse(facts.acs_quirk, Ineligible::AcsQuirk)?;
    refuse(facts.group_shared, Ineligible::GroupShared)?;
    refuse(facts.frozen, Ineligible::Frozen)
}
