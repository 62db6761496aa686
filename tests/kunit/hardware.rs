// SPDX-License-Identifier: GPL-2.0

//! What is behind a host bridge that exists in memory only.

use super::config::{
    Config,
    Numbers,
    PRIMARY, //
};
use core::mem;
use kernel::prelude::*;

/// The number of each root bus.
pub(crate) const ROOT: u8 = 0;

/// A function that was plugged in, by its number in the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Function(usize);

/// A write of the kernel to a configuration space.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Write {
    pub(crate) function: Function,
    pub(crate) at: usize,
    pub(crate) size: usize,
    pub(crate) value: u32,
}

impl Write {
    /// Whether any byte of the two at `at` was written.
    pub(crate) fn touches16(&self, at: usize) -> bool {
        self.at < at + 2 && at < self.at + self.size
    }
}

struct Slot {
    /// The bridge that it is below.
    under: Option<Function>,
    devfn: u8,
    config: Config,
    present: bool,
}

/// Everything in a segment.
pub(super) struct Hardware {
    slots: KVec<Slot>,
    writes: KVec<Write>,
}

impl Hardware {
    pub(super) fn new() -> Self {
        Self {
            slots: KVec::new(),
            writes: KVec::new(),
        }
    }

    /// Has a function appear, on the root bus or under a bridge.
    pub(super) fn plug(
        &mut self,
        under: Option<Function>,
        devfn: u8,
        config: Config,
    ) -> Result<Function> {
        let function = Function(self.slots.len());
        let slot = Slot {
            under,
            devfn,
            config,
            present: true,
        };

        self.slots.push(slot, GFP_ATOMIC)?;
        if let (Some(bus), Some(config)) = (self.bus_of(function), self.config(function)) {
            if config.numbers().is_some() {
                config.set8(PRIMARY, bus);
            }
        }
        let first = |slot: &&mut Slot| slot.under == under && slot.devfn == devfn & !7;
        if let (true, Some(slot)) = (devfn & 7 != 0, self.slots.iter_mut().find(first)) {
            slot.config.set_multifunction();
        }
        Ok(function)
    }

    /// Has a function disappear.
    pub(super) fn unplug(&mut self, function: Function) {
        if let Some(slot) = self.slots.get_mut(function.0) {
            slot.present = false;
        }
    }

    fn below(&self, bridge: Option<Function>) -> impl Iterator<Item = (Function, &Slot)> {
        self.slots
            .iter()
            .enumerate()
            .map(|(nr, slot)| (Function(nr), slot))
            .filter(move |(_, slot)| slot.present && slot.under == bridge)
    }

    /// The bridge whose lower side answers to bus `number`, [`None`] for the host bridge.
    fn route(&self, number: u8) -> Option<Option<Function>> {
        let (mut bridge, mut bus) = (None, ROOT);

        while bus != number {
            (bridge, bus) = self.below(bridge).find_map(|(function, slot)| {
                let Numbers(secondary, subordinate) = slot.config.numbers()?;

                (secondary..=subordinate)
                    .contains(&number)
                    .then_some((Some(function), secondary))
                    .filter(|_| secondary > bus)
            })?;
        }
        Some(bridge)
    }

    /// The function that a request for it reaches.
    fn find(&self, number: u8, devfn: u8) -> Option<Function> {
        let bridge = self.route(number)?;

        self.below(bridge)
            .find_map(|(function, slot)| (slot.devfn == devfn).then_some(function))
    }

    /// The number of the bus that `function` is on, as far as the bridge above it says.
    fn bus_of(&self, function: Function) -> Option<u8> {
        match self.slots.get(function.0)?.under {
            None => Some(ROOT),
            Some(bridge) => self.slots.get(bridge.0)?.config.numbers().map(|n| n.0),
        }
    }

    pub(super) fn config(&mut self, function: Function) -> Option<&mut Config> {
        self.slots.get_mut(function.0).map(|slot| &mut slot.config)
    }

    /// `bus << 8 | devfn` of a function.
    pub(super) fn bdf(&self, function: Function) -> Option<u16> {
        let devfn = self.slots.get(function.0)?.devfn;

        Some(u16::from_be_bytes([self.bus_of(function)?, devfn]))
    }

    /// What has been written since the last time.
    pub(super) fn take_writes(&mut self) -> KVec<Write> {
        mem::take(&mut self.writes)
    }

    /// What a read from a bus and a function there returns.
    pub(super) fn read(&self, (bus, devfn): (u8, u8), at: usize, size: usize) -> u32 {
        self.find(bus, devfn)
            .and_then(|function| self.slots.get(function.0))
            .map_or(u32::MAX, |slot| slot.config.read(at, size))
    }

    /// Writes to a function on a bus, if it is there.
    pub(super) fn write(&mut self, (bus, devfn): (u8, u8), at: usize, size: usize, value: u32) {
        let Some(function) = self.find(bus, devfn) else {
            return;
        };
        let write = Write {
            function,
            at,
            size,
            value,
        };

        if self.writes.push(write, GFP_ATOMIC).is_err() {
            pr_warn!("no memory to log a write to a fake bus\n");
        }
        if let Some(config) = self.config(function) {
            config.write(at, size, value);
        }
    }
}
