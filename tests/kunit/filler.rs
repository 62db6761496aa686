// SPDX-License-Identifier: GPL-2.0

//! Functions without a device, to use up entries and counts.

use super::fixture::Fixture;
use crate::{
    abi::Key,
    logic::{
        Function,
        Slot, //
    }, //
};
use core::cell::Cell;
use kernel::{
    pci,
    prelude::*, //
};

/// A segment without a device.
const DOMAIN: u32 = 0x13_0000;

/// A function that there is no device for, or the bridge above it, which is one.
#[derive(Clone, Copy)]
enum Filler<'a> {
    Missing {
        key: Key,
        above: Option<&'a pci::Device>,
        slot: &'a Cell<Option<Slot>>,
    },
    Present(&'a pci::Device),
}

impl Function for Filler<'_> {
    fn key(self) -> Key {
        match self {
            Self::Missing { key, .. } => key,
            Self::Present(dev) => dev.key(),
        }
    }

    fn is_bridge(self) -> bool {
        match self {
            Self::Missing { .. } => false,
            Self::Present(dev) => dev.is_bridge(),
        }
    }

    fn same(self, other: Self) -> bool {
        self.key() == other.key()
    }

    fn upstream(self) -> Option<Self> {
        match self {
            Self::Missing { above, .. } => above.map(Self::Present),
            Self::Present(dev) => dev.upstream().map(Self::Present),
        }
    }

    fn outgoing(self) -> Option<Slot> {
        match self {
            Self::Missing { slot, .. } => slot.get(),
            Self::Present(dev) => dev.outgoing(),
        }
    }

    fn set_outgoing(self, new: Option<Slot>) {
        match self {
            Self::Missing { slot, .. } => slot.set(new),
            Self::Present(dev) => dev.set_outgoing(new),
        }
    }

    fn incoming(self) -> Option<Slot> {
        None
    }

    fn set_incoming(self, _: Option<Slot>) {}
}

/// Counts `nr` functions without a device as preserved, below `above` if there is one.
pub(crate) fn preserve_missing(core: &Fixture, nr: usize, above: Option<&pci::Device>) -> Result {
    for nr in 0..nr {
        let slot = Cell::new(None);
        let function = Filler::Missing {
            key: Key::new(DOMAIN, u16::try_from(nr)?),
            above,
            slot: &slot,
        };
        let mut directions = core.directions.lock();
        let outgoing = directions.outgoing.as_mut().ok_or(ENOENT)?;

        outgoing.preserve(function).map_err(|_| EINVAL)?;
    }
    Ok(())
}

/// Uses up all entries but `nr`. Returns how many are in use then.
pub(crate) fn leave_room(core: &Fixture, nr: usize) -> Result<usize> {
    let used = core.nr_outgoing().ok_or(ENOENT)?;
    let wanted = core.capacity().checked_sub(nr).ok_or(ENOSPC)?;

    preserve_missing(core, wanted.checked_sub(used).ok_or(ENOSPC)?, None)?;
    Ok(wanted)
}
