// SPDX-License-Identifier: GPL-2.0

//! Drivers, which bind to an incoming device only if they or user space say so.
//!
//! When no device may reach memory, a bridge stays without a driver as well if what is below it was
//! not enumerated: the driver of a port sets Bus Master.

use crate::{
    core::{
        Core,
        Handover, //
    },
    device::DeviceExt,
    logic::{
        DriverMatch,
        Function, //
    }, //
};
use kernel::{
    pci,
    prelude::*, //
};

impl Core {
    /// Whether a driver that has the ID of `dev` may bind to it.
    pub(crate) fn driver_match(&self, dev: &pci::Device, liveupdate: bool, name: &CStr) -> bool {
        let found = DriverMatch {
            incoming: self.is_incoming(dev),
            bridge: dev.is_bridge(),
            overridden: dev.is_overridden(),
            liveupdate,
            cut_off: dev.state().refused.read() && self.handover() == Handover::Contained,
        };

        let allowed = found.is_allowed();
        if !allowed && !dev.state().match_logged.read() {
            dev.state().match_logged.write(true);
            let why = if found.cut_off {
                "left alone"
            } else {
                "incoming"
            };
            dev_info!(dev, "{why}: {name} binds only with driver_override\n");
        }
        allowed
    }
}
