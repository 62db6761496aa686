// SPDX-License-Identifier: GPL-2.0

//! What follows from where a device comes from and goes to.

/// What Live Update knows about a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// It, or a device below it, has been running since the previous kernel.
    pub incoming: bool,
    /// It, or a device below it, is to run on in the next kernel.
    pub outgoing: bool,
    /// This kernel is being left for the next one.
    pub jumping: bool,
}

impl Status {
    /// Whether it runs for another kernel than this one.
    pub fn is_live(self) -> bool {
        self.incoming || self.outgoing
    }

    /// Whether nobody may take Bus Master from it.
    ///
    /// A device that goes to the next kernel is its driver's until the last moment.
    pub fn keeps_master(self) -> bool {
        self.incoming || (self.outgoing && self.jumping)
    }
}

/// A driver whose IDs match a device, and the device as far as that matters to drivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Suitor {
    /// The device has been running since the previous kernel.
    pub incoming: bool,
    /// The device is a bridge.
    pub bridge: bool,
    /// User space has named the driver of the device.
    pub named: bool,
    /// The driver says that it takes devices that have been running.
    pub liveupdate: bool,
}

impl Suitor {
    /// Whether the driver may not bind on its own.
    pub fn is_refused(self) -> bool {
        self.incoming && !self.bridge && !self.named && !self.liveupdate
    }
}
