// SPDX-License-Identifier: GPL-2.0

//! What follows from where a device comes from and goes to.

/// What Live Update knows about a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// It, or a device below it, has been running since the previous kernel.
    pub incoming: bool,
    /// It, or a device below it, is to run on in the next kernel.
    pub outgoing: bool,
    /// It is a bridge.
    pub bridge: bool,
    /// This kernel is being left for the next one.
    pub jumping: bool,
    /// The next kernel will be told of outgoing devices.
    pub handing_over: bool,
}

impl Status {
    /// Whether it runs for another kernel than this one.
    pub fn is_live(self) -> bool {
        self.incoming || self.outgoing
    }

    /// Whether nobody may take Bus Master from it.
    ///
    /// A device that goes to the next kernel is its driver's until the last moment, but the bridges
    /// above it are not. Nothing that the next kernel does not hear of may run into it.
    pub fn keeps_master(self) -> bool {
        if self.jumping {
            self.outgoing && self.handing_over
        } else {
            self.incoming || (self.outgoing && self.bridge)
        }
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
    /// What is below the device is not known, and must not reach memory.
    pub cut_off: bool,
}

impl Suitor {
    /// Whether the driver may not bind on its own.
    pub fn is_refused(self) -> bool {
        let unprepared = self.incoming && !self.bridge && !self.liveupdate;

        !self.named && (unprepared || self.cut_off)
    }
}
