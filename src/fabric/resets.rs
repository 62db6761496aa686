// SPDX-License-Identifier: GPL-2.0

//! Resets, which reach a live device only if its owner asks for it.
//!
//! ```text
//!   may_reset        the function itself          pci_reset_function() and the like
//!   may_reset_bus    its slot or bus, and below   pci_reset_bus()
//!   may_reset_below  all below a bridge           pci_try_reset_bridge()
//! ```
//!
//! Error recovery and hotplug do not ask: there the device has failed already.

use super::bus::{
    has_slot_reset,
    slot,
    Bus, //
};
use crate::{
    abi::Key,
    core::Core,
    device::DeviceExt,
    logic::{
        path,
        Function,
        Owned, //
    }, //
};
use kernel::{
    pci,
    prelude::*, //
};

impl Core {
    /// Whether `dev` may be reset by who holds its device lock.
    pub(crate) fn may_reset(&self, dev: &pci::Device) -> bool {
        let may = self.owned(dev).is_none_or(Owned::may_reset);

        if !may {
            dev_info!(dev, "not reset: in use by another kernel\n");
        }
        may
    }

    /// Whether the slot of `dev`, or else its bus, may be reset by who has `dev`.
    pub(crate) fn may_reset_bus(&self, dev: &pci::Device) -> bool {
        let slot_only = has_slot_reset(dev);

        self.may_reset(dev)
            && self.spares_live(dev, |other| {
                other.raw() != dev.raw() && !(slot_only && is_in_other_slot(other, dev))
            })
    }

    /// Whether everything below `bridge` may be reset.
    pub(crate) fn may_reset_below(&self, bridge: &pci::Device) -> bool {
        self.spares_live(bridge, |other| {
            path(other).any(|dev| dev.raw() == bridge.raw())
        })
    }

    /// Whether no live function on the bus of `dev`, or below, is `hit`.
    fn spares_live(&self, dev: &pci::Device, hit: impl Fn(&pci::Device) -> bool) -> bool {
        let Some(bus) = Bus::of(dev) else {
            return true;
        };
        let mut found: Option<Key> = None;

        bus.walk(|other| {
            if self.is_live(other) && hit(other) {
                found = Some(other.key());
            }
            found.is_some()
        });
        if let Some(live) = found {
            dev_info!(dev, "bus not reset: {live} is in use by another kernel\n");
        }
        found.is_none()
    }
}

/// Whether `other`, which is on the bus of `dev` or below, is in another slot of that bus, or below
/// one.
fn is_in_other_slot(other: &pci::Device, dev: &pci::Device) -> bool {
    path(other).any(|above| Bus::of(above) == Bus::of(dev) && slot(above) != slot(dev))
}
