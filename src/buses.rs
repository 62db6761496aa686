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
        NoScan, //
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
pub(crate) fn refuses(bridge: &pci::Device, numbers: Numbers, first_pass: bool) -> bool {
    if first_pass {
        let pinned = is_pinned(&STATE.lock());
        bridge.note(Flag::Pinned, pinned);
    }
    if !keeps(bridge) {
        return false;
    }

    let Err(unusable) = judge(bridge, numbers) else {
        return false;
    };
    if first_pass {
        dev_err!(
            bridge,
            "left alone with all below it, no bus may get a new number now: {unusable}\n"
        );
    }
    true
}

/// Whether `bridge` keeps its numbers in the scan that is running.
pub(crate) fn keeps(bridge: &pci::Device) -> bool {
    bridge.has(Flag::Pinned)
}

/// Makes sure that no scan changes bus numbers from now on to the first preserved device.
///
/// Who preserves a device may be waited for by who removes it, so this does not wait.
pub(crate) fn hold_still(state: &State) -> Result<Option<NoScan>> {
    if is_pinned(state) {
        return Ok(None);
    }
    NoScan::try_new().map(Some).ok_or(EAGAIN)
}

fn is_pinned(state: &State) -> bool {
    let outgoing = state.outgoing.as_ref().map_or(0, Out::nr_own) != 0;
    let incoming = !state.incoming.as_ref().is_none_or(In::is_finished);

    outgoing || incoming || handover() == Handover::Contained
}

/// Says whether the numbers of `bridge` can be used.
fn judge(bridge: &pci::Device, numbers: Numbers) -> Result<(), Unusable> {
    let Some(bus) = Bus::of(bridge) else {
        return Ok(());
    };
    let others = bus
        .bridges()
        .filter(|other| other.raw() != bridge.raw())
        .filter_map(|other| Some(seen(other, other.buses()?)));

    usable(
        &seen(bridge, numbers.behind),
        numbers.primary,
        bus.range(),
        others,
    )
}

/// A bridge as the logic wants it.
fn seen(bridge: &pci::Device, behind: Range) -> Bridge {
    Bridge {
        behind,
        known: Bus::below(bridge).map(Bus::range),
        live: bridge.status().is_live(),
    }
}
