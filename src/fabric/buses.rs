// SPDX-License-Identifier: GPL-2.0

//! Bus numbers, which stay as they are while any device is outgoing or incoming.
//!
//! ```text
//!   scan      pass 0: is any device live? ── noted on the bridge ── pass 1: as noted
//!   preserve  hold_still() ── a device is live, or no scan that may assign numbers is running
//!             judge_path() ── the next kernel can use the numbers of each bridge as they are
//! ```
//!
//! A bridge gets its answer in the first pass of a scan and keeps it for the second one, whatever
//! is finished or unpreserved in between, and so does each bridge that is scanned below it. The
//! other way, from no preserved device to the first one, is barred during scans: it would come too
//! late for bridges that lost their numbers already.

use super::bus::{
    Bus,
    BusesLock,
    RescanLock,
    Scan, //
};
use crate::{
    core::{
        Core,
        Directions,
        Handover, //
    },
    device::DeviceExt,
    logic::{
        path,
        usable,
        usable_next,
        Bridge,
        Function,
        Range,
        Sibling,
        Unscannable,
        Unusable, //
    }, //
};
use core::iter;
use kernel::{
    bindings,
    pci,
    prelude::*, //
};

/// The registers of a bridge as a scan found them.
#[derive(Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) primary: u8,
    pub(crate) behind: Range,
}

impl Numbers {
    /// The numbers in the registers of a bridge on bus `on`, as a scan sees them.
    fn new(buses: u32, on: u8) -> Self {
        let [primary, first, last, _] = buses.to_le_bytes();
        // Some bridges cannot remember where they are.
        let is_hardwired = primary == 0 && first != 0 && last != 0;

        Self {
            primary: if is_hardwired { on } else { primary },
            behind: Range { first, last },
        }
    }
}

/// Why bus numbers do not change.
#[must_use = "scans run again once this is dropped"]
pub(crate) enum Still {
    /// Every bridge of the path has an entry, so that a device is live.
    Counted,
    /// A device is live.
    Pinned,
    /// No scan runs as long as the lock is held.
    Locked(RescanLock),
    /// They may: a scan is running.
    Scanned,
}

/// What a scan does with a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scanned {
    /// What it always does.
    AsUsual,
    /// It scans the bridge with the numbers that it has.
    Pinned,
    /// Nothing in this pass.
    LeftAlone,
}

impl Core {
    /// Tells what a pass of a scan does with `bridge`.
    ///
    /// # Safety
    ///
    /// The caller must be called by a scan of the bus that the bridge is on.
    pub(crate) unsafe fn scan_bridge(
        &self,
        bridge: &pci::Device,
        numbers: Numbers,
        first_pass: bool,
    ) -> Scanned {
        // SAFETY: By the safety requirements of this function.
        let scan = unsafe { Scan::new() };

        match self.pin(bridge, first_pass) {
            true => self.judge(bridge, numbers, first_pass, &scan),
            false if first_pass && starts_over(bridge, &scan) => Scanned::LeftAlone,
            false => Scanned::AsUsual,
        }
    }

    /// Judges the bridges of the path of `dev` that have no entry yet, as the next kernel will.
    /// Returns how many these are.
    ///
    /// Without the lock of the core: it reads registers, and looks at other devices of a bus.
    pub(crate) fn judge_path(&self, dev: &pci::Device) -> Result<usize, Unscannable> {
        let new = nr_new_bridges(dev);
        if new != 0 {
            self.judge_lowest(dev, new)?;
        }
        Ok(new)
    }

    /// Judges the lowest `new` bridges of the path of `dev`.
    #[cold]
    fn judge_lowest(&self, dev: &pci::Device, new: usize) -> Result<(), Unscannable> {
        // From the root down, as a scan goes.
        for (bridge, below) in (0..new).rev().filter_map(|nth| bridges(dev).nth(nth)) {
            self.judge_next(bridge, below).map_err(|why| Unscannable {
                bridge: bridge.key(),
                why,
            })?;
        }
        Ok(())
    }

    /// Makes sure that no scan changes bus numbers until the first device is preserved.
    ///
    /// A driver that preserves a device may be waited for by who removes it, so this does not wait.
    #[inline]
    pub(crate) fn hold_still(&self, dev: &pci::Device) -> Still {
        if is_path_counted(dev) {
            return Still::Counted;
        }
        if self.is_pinned(&self.directions.lock()) {
            return Still::Pinned;
        }
        RescanLock::try_lock().map_or(Still::Scanned, Still::Locked)
    }

    /// Notes the numbers of an incoming bridge, for the scan of those beside it.
    pub(crate) fn note_buses(&self, dev: &pci::Device) {
        if !dev.is_bridge() {
            return;
        }
        if let Some(buses) = dev.read32(bindings::PCI_PRIMARY_BUS) {
            dev.state().buses.write(buses);
        }
    }

    /// Tells whether `bridge` keeps its numbers in the scan that is running.
    ///
    /// The answer ends with the second pass: a later scan may begin below the bridge.
    fn pin(&self, bridge: &pci::Device, first_pass: bool) -> bool {
        let state = bridge.state();
        if !first_pass {
            let pinned = state.pinned.read();
            state.pinned.write(false);
            return pinned;
        }

        let above = bridge.upstream();
        let pinned = above.is_some_and(|above| above.state().pinned.read())
            || self.is_pinned(&self.directions.lock());
        state.pinned.write(pinned);
        pinned
    }

    /// Tells whether the next kernel could use the numbers of `bridge`, and notes them for those
    /// beside it. `below` is the bus below it, as this kernel knows it.
    fn judge_next(&self, bridge: &pci::Device, below: Option<Bus<'_>>) -> Result<(), Unusable> {
        let buses = bridge.read32(bindings::PCI_PRIMARY_BUS);
        // Whoever removes a bridge that is gone gives its entry back.
        let (Some(bus), Some(buses)) = (Bus::of(bridge), buses) else {
            return Ok(());
        };
        let range = forwarded(bridge, bus);
        let numbers = Numbers::new(buses, range.first);
        let seen = Bridge {
            behind: numbers.behind,
            known: below.map(Bus::range),
            live: true,
        };

        let still = BusesLock::read();
        let others = bus
            .bridges(&still)
            .filter(|other| other.raw() != bridge.raw())
            .map(|other| Bridge {
                behind: noted(other),
                known: None,
                live: self.is_live(other),
            });
        usable_next(&seen, numbers.primary, range, others)?;
        bridge.state().buses.write(buses);
        Ok(())
    }

    /// Whether bridges keep their numbers.
    pub(crate) fn is_pinned(&self, directions: &Directions) -> bool {
        directions.is_any_live() || self.handover() == Handover::Contained
    }

    fn judge(
        &self,
        bridge: &pci::Device,
        numbers: Numbers,
        first_pass: bool,
        scan: &Scan,
    ) -> Scanned {
        let state = bridge.state();
        let Err(unusable) = self.usable(bridge, numbers, scan) else {
            state.refused.write(false);
            return Scanned::Pinned;
        };

        if first_pass {
            dev_err!(
                bridge,
                "not scanned: no bus may be renumbered during a Live Update, and {unusable}\n"
            );
            state.refused.write(true);
        }
        Scanned::LeftAlone
    }

    /// Tells whether the numbers of `bridge` can be used.
    fn usable(&self, bridge: &pci::Device, numbers: Numbers, scan: &Scan) -> Result<(), Unusable> {
        let Some(bus) = Bus::of(bridge) else {
            return Ok(());
        };
        let others = bus
            .bridges(scan)
            .filter(|other| other.raw() != bridge.raw())
            .map(|bridge| Beside {
                core: self,
                bridge,
                scan,
            });
        let seen = Bridge {
            behind: numbers.behind,
            known: Bus::below(bridge, scan).map(Bus::range),
            live: self.is_live(bridge),
        };

        usable(&seen, numbers.primary, bus.range(), others)
    }
}

/// Another bridge on the bus that is scanned.
struct Beside<'a> {
    core: &'a Core,
    bridge: &'a pci::Device,
    scan: &'a Scan,
}

impl Sibling for Beside<'_> {
    #[inline]
    fn behind(&self) -> Range {
        noted(self.bridge)
    }

    #[inline]
    fn known(&self) -> Option<Range> {
        Bus::below(self.bridge, self.scan).map(Bus::range)
    }

    #[inline]
    fn is_live(&self) -> bool {
        self.core.is_live(self.bridge)
    }
}

/// The buses behind a bridge, as its registers say.
pub(crate) fn buses_behind(bridge: &pci::Device) -> Option<Range> {
    let buses = bridge.read32(bindings::PCI_PRIMARY_BUS)?;

    Some(Numbers::new(buses, 0).behind)
}

/// The lowest bridge of the path of `dev`.
#[inline]
fn lowest(dev: &pci::Device) -> Option<&pci::Device> {
    match dev.is_bridge() {
        true => Some(dev),
        false => dev.upstream(),
    }
}

/// Whether `dev` is below a bridge, and all bridges of its path have an entry for the next kernel.
#[inline]
pub(crate) fn is_path_counted(dev: &pci::Device) -> bool {
    // A bridge has an entry only as long as those above it have.
    lowest(dev).is_some_and(|bridge| bridge.outgoing().is_some())
}

/// How many bridges of the path of `dev` have no entry for the next kernel. The lowest ones.
pub(crate) fn nr_new_bridges(dev: &pci::Device) -> usize {
    iter::successors(lowest(dev), |bridge| bridge.upstream())
        .take_while(|bridge| bridge.outgoing().is_none())
        .count()
}

/// The bridges of the path of `dev`, the lowest one first, with the bus that leads to `dev`.
fn bridges(dev: &pci::Device) -> impl Iterator<Item = (&pci::Device, Option<Bus<'_>>)> {
    let own = dev.is_bridge().then_some((dev, None));
    let above = path(dev).filter_map(|below| Some((below.upstream()?, Bus::of(below))));

    Iterator::chain(own.into_iter(), above)
}

/// The numbers that the next kernel may use on the `bus` of `bridge`.
fn forwarded(bridge: &pci::Device, bus: Bus<'_>) -> Range {
    let range = bus.range();
    let above = bridge.upstream();
    let buses = above.and_then(|above| above.read32(bindings::PCI_PRIMARY_BUS));

    match buses {
        Some(buses) => Range {
            last: Numbers::new(buses, 0).behind.last,
            ..range
        },
        None => range,
    }
}

/// The numbers of a bridge that was incoming or judged. Of others, only known buses count.
fn noted(bridge: &pci::Device) -> Range {
    let [_, first, last, _] = bridge.state().buses.read().to_le_bytes();

    Range { first, last }
}

/// Takes the numbers from a bridge that was left alone when it could not get others.
///
/// They may be those of another bridge, where a scan would not notice. With none, it gets new ones
/// in the second pass.
fn starts_over(bridge: &pci::Device, scan: &Scan) -> bool {
    let refused = &bridge.state().refused;
    let starts_over = refused.read() && Bus::below(bridge, scan).is_none();

    refused.write(false);
    if starts_over {
        // The last byte is the latency timer.
        if let Some(buses) = bridge.read32(bindings::PCI_PRIMARY_BUS) {
            bridge.write32(bindings::PCI_PRIMARY_BUS, buses & 0xff00_0000);
        }
    }
    starts_over
}
