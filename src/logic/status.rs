// SPDX-License-Identifier: GPL-2.0

//! What follows from being incoming or outgoing.

/// What Live Update knows about a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// It, or a device below it, was preserved by the previous kernel and is not finished.
    pub incoming: bool,
    /// It, or a device below it, is preserved for the next kernel.
    pub outgoing: bool,
    /// It is a bridge.
    pub bridge: bool,
    /// This kernel is being replaced.
    pub jumping: bool,
    /// The next kernel is told of outgoing devices.
    pub handing_over: bool,
}

impl Status {
    /// Whether it is in use by another kernel than this one.
    pub fn is_live(self) -> bool {
        self.incoming || self.outgoing
    }

    /// Whether Bus Master stays set on it.
    ///
    /// An outgoing device is its driver's until the end, but the bridges above it are not. Nothing
    /// keeps the bit over a kexec that does not tell the next kernel of it.
    pub fn keeps_master(self) -> bool {
        if self.jumping {
            self.outgoing && self.handing_over
        } else {
            self.incoming || (self.outgoing && self.bridge)
        }
    }
}

/// A driver that has the ID of a device, and the device as far as that matters to drivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriverMatch {
    /// The device is incoming.
    pub incoming: bool,
    /// The device is a bridge.
    pub bridge: bool,
    /// User space has set `driver_override`.
    pub overridden: bool,
    /// The driver declares that it takes incoming devices.
    pub liveupdate: bool,
    /// What is below the device was not enumerated, and must not reach memory.
    pub cut_off: bool,
}

impl DriverMatch {
    /// Whether the driver may bind.
    pub fn is_allowed(self) -> bool {
        let unprepared = self.incoming && !self.bridge && !self.liveupdate;

        self.overridden || !(unprepared || self.cut_off)
    }
}
