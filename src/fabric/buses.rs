// SPDX-License-Identifier: GPL-2.0

//! Bus numbers, which stay as they are while any device is outgoing or incoming.
//!
//! ```text
//!   scan      pass 0: is any device live? ── noted on the bridge ── pass 1: as noted
//!   preserve  the first one: hold_still() ── a scan that may assign numbers is not running
//! ```
//!
//! A bridge gets its answer in the first pass of a scan and keeps it for the second one, whatever
//! is finished or unpreserved in between. The other way, from no preserved device to the first one,
//! is barred during scans: it would come too late for bridges that lost their numbers already.

use super::bus::{
    Bus,
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
        usable,
        Bridge,
        Function,
        Range,
        Unusable, //
    }, //
};
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
        let state = bridge.state();

        if first_pass {
            let pinned = self.is_pinned(&self.directions.lock());
            state.pinned.write(pinned);
        }
        match state.pinned.read() {
            true => self.judge(bridge, numbers, first_pass, &scan),
            false if first_pass && starts_over(bridge, &scan) => Scanned::LeftAlone,
            false => Scanned::AsUsual,
        }
    }

    /// Makes sure that no scan changes bus numbers from now on to the first preserved device.
    ///
    /// A driver that preserves a device may be waited for by who removes it, so this does not wait.
    /// `None` means that a scan is running.
    pub(crate) fn hold_still(&self, directions: &Directions) -> Option<Option<RescanLock>> {
        if self.is_pinned(directions) {
            return Some(None);
        }
        RescanLock::try_lock().map(Some)
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

    fn is_pinned(&self, directions: &Directions) -> bool {
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
            .map(|other| self.seen(other, noted(other), scan));

        usable(
            &self.seen(bridge, numbers.behind, scan),
            numbers.primary,
            bus.range(),
            others,
        )
    }

    /// A bridge as the logic wants it.
    fn seen(&self, bridge: &pci::Device, behind: Range, scan: &Scan) -> Bridge {
        Bridge {
            behind,
            known: Bus::below(bridge, scan).map(Bus::range),
            live: self.is_live(bridge),
        }
    }
}

/// The numbers of an incoming bridge. Of other bridges, only those of known buses count.
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
