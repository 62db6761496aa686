// SPDX-License-Identifier: GPL-2.0

//! Bus numbers, which stay as they are while any device is outgoing or incoming.
//!
//! ```text
//!   scan     pass 0: pinned()? ── noted on the bridge ── pass 1: as noted
//!   preserve the first one: hold_still() ── a scan that may assign numbers is not running
//! ```
//!
//! A bridge gets its answer in the first pass of a scan and keeps it for the second one, whatever
//! is finished or given back in between. The other way, from no preserved device to the first one,
//! is barred during scans: it would come too late for bridges that lost their numbers already.

use crate::{
    bus::{
        Bus,
        NoScan,
        Scan, //
    },
    device::{
        DeviceExt,
        Flag, //
    },
    logic::{
        usable,
        Bridge,
        Range,
        Unusable, //
    },
    registers::Registers,
    state::{
        handover,
        Handover,
        In,
        Out,
        State,
        STATE, //
    }, //
};
use kernel::{
    pci,
    prelude::*, //
};

/// The registers of a bridge as a scan found them.
#[derive(Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) primary: u8,
    pub(crate) behind: Range,
}

/// Whether `bridge` has to be left alone by this pass of a scan.
pub(crate) fn refuses(
    bridge: &pci::Device,
    numbers: Numbers,
    first_pass: bool,
    scan: &Scan,
) -> bool {
    if first_pass {
        let pinned = is_pinned(&STATE.lock());
        bridge.note(Flag::Pinned, pinned);
    }
    if !keeps(bridge) {
        return first_pass && starts_over(bridge, scan);
    }

    let Err(unusable) = judge(bridge, numbers, scan) else {
        bridge.note(Flag::Refused, false);
        return false;
    };
    if first_pass {
        dev_err!(
            bridge,
            "left alone with all below it, no bus may get a new number now: {unusable}\n"
        );
        bridge.note(Flag::Refused, true);
    }
    true
}

/// Takes the numbers from a bridge that was refused when it could not get others.
///
/// They may be those of another bridge, where a scan would not notice. With none, it gets new ones
/// in the second pass.
fn starts_over(bridge: &pci::Device, scan: &Scan) -> bool {
    let starts_over = bridge.has(Flag::Refused) && Bus::below(bridge, scan).is_none();

    bridge.note(Flag::Refused, false);
    if starts_over {
        bridge.clear_buses();
    }
    starts_over
}

/// Whether `bridge` keeps its numbers in the scan that is running.
pub(crate) fn keeps(bridge: &pci::Device) -> bool {
    bridge.has(Flag::Pinned)
}

/// Makes sure that no scan changes bus numbers from now on to the first preserved device.
///
/// Who preserves a device may be waited for by who removes it, so this does not wait.
/// `None` means that a scan is running.
pub(crate) fn hold_still(state: &State) -> Option<Option<NoScan>> {
    if is_pinned(state) {
        return Some(None);
    }
    NoScan::try_new().map(Some)
}

fn is_pinned(state: &State) -> bool {
    let outgoing = state.outgoing.as_ref().map_or(0, Out::nr_own) != 0;
    let incoming = !state.incoming.as_ref().is_none_or(In::is_finished);

    outgoing || incoming || handover() == Handover::Contained
}

/// Says whether the numbers of `bridge` can be used.
fn judge(bridge: &pci::Device, numbers: Numbers, scan: &Scan) -> Result<(), Unusable> {
    let Some(bus) = Bus::of(bridge) else {
        return Ok(());
    };
    let others = bus
        .bridges(scan)
        .filter(|other| other.raw() != bridge.raw())
        .filter_map(|other| Some(seen(other, other.buses()?, scan)));

    usable(
        &seen(bridge, numbers.behind, scan),
        numbers.primary,
        bus.range(),
        others,
    )
}

/// A bridge as the logic wants it.
fn seen(bridge: &pci::Device, behind: Range, scan: &Scan) -> Bridge {
    Bridge {
        behind,
        known: Bus::below(bridge, scan).map(Bus::range),
        live: bridge.status().is_live(),
    }
}
