// SPDX-License-Identifier: GPL-2.0

//! Drivers, which come to a device of the previous kernel only if they or user space say so.
//!
//! When no device may reach memory, a bridge stays without a driver as well if what is below it was
//! not enumerated: the driver of a port sets Bus Master.

use crate::{
    device::{
        DeviceExt,
        Flag, //
    },
    logic::Suitor,
    state::{
        handover,
        Handover,
        STATE, //
    }, //
};
use kernel::{
    pci,
    prelude::*, //
};

/// Whether a driver that matches `dev` may not bind on its own.
pub(crate) fn refuses(dev: &pci::Device, liveupdate: bool, name: &CStr) -> bool {
    let suitor = Suitor {
        incoming: dev.status().incoming,
        bridge: dev.is_bridge(),
        named: dev.is_overridden(),
        liveupdate,
        cut_off: dev.has(Flag::Refused) && handover() == Handover::Contained,
    };

    let refused = suitor.is_refused();
    if refused && is_first(dev) {
        let why = if suitor.cut_off {
            "left alone"
        } else {
            "incoming"
        };
        dev_info!(dev, "{why}: {name} binds by hand only\n");
    }
    refused
}

/// Whether this is the first driver that is kept from `dev`.
fn is_first(dev: &pci::Device) -> bool {
    let _state = STATE.lock();
    let first = !dev.has(Flag::Unbound);

    dev.note(Flag::Unbound, true);
    first
}
