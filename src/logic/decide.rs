// SPDX-License-Identifier: GPL-2.0

//! Which devices may be preserved at all.

use core::fmt;

/// What is known about a device before anything is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// It is a Virtual Function.
    pub virtfn: bool,
    /// It has Virtual Functions enabled.
    pub vfs_enabled: bool,
    /// Its requests carry the name of a device that is not above it.
    pub proxied: bool,
    /// ACS, its own or that of a bridge above it, was enabled by a device-specific quirk, not by
    /// the standard capability.
    pub acs_quirk: bool,
    /// Its IOMMU group holds a function that is neither itself nor a bridge above it.
    pub group_shared: bool,
    /// Its status is on its way to the next kernel.
    pub frozen: bool,
}

/// Why a device may not be preserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objection {
    /// See [`Facts::virtfn`].
    Virtual,
    /// See [`Facts::vfs_enabled`].
    VirtualsEnabled,
    /// See [`Facts::proxied`].
    Proxied,
    /// See [`Facts::acs_quirk`].
    AcsQuirk,
    /// See [`Facts::group_shared`].
    GroupShared,
    /// See [`Facts::frozen`].
    Frozen,
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Virtual => "it is a Virtual Function",
            Self::VirtualsEnabled => "its Virtual Functions are enabled",
            Self::Proxied => "its requests come from another device",
            Self::AcsQuirk => "its ACS, or that of a bridge above it, is enabled by a quirk",
            Self::GroupShared => "its IOMMU group holds other functions",
            Self::Frozen => "it is frozen for the next kernel",
        })
    }
}

/// Says whether a device may be preserved, as far as that depends on the device alone.
pub fn may_preserve(facts: &Facts) -> Result<(), Objection> {
    let objections = [
        (facts.virtfn, Objection::Virtual),
        (facts.vfs_enabled, Objection::VirtualsEnabled),
        (facts.proxied, Objection::Proxied),
        (facts.acs_quirk, Objection::AcsQuirk),
        (facts.group_shared, Objection::GroupShared),
        (facts.frozen, Objection::Frozen),
    ];

    match objections.into_iter().find(|(applies, _)| *applies) {
        Some((_, objection)) => Err(objection),
        None => Ok(()),
    }
}
