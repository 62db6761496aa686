// SPDX-License-Identifier: GPL-2.0

//! Which drivers may bind to a device.

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
