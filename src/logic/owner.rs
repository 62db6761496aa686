// SPDX-License-Identifier: GPL-2.0

//! Who decides about a live device: its driver, or nobody in this kernel.
//!
//! A driver that is bound to an endpoint owns it, and whatever it asks for is done. Without a
//! driver, a live device belongs to the previous kernel's user or the next one's. A bridge belongs
//! to the devices below it, whatever its own driver says.

/// The driver of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Driver {
    /// None is bound or binding.
    #[default]
    None,
    /// One that does not declare that it takes incoming devices.
    Other,
    /// One that does.
    LiveUpdate,
}

/// Whether this kernel is about to end, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// It is not.
    #[default]
    No,
    /// By a kexec that tells the next kernel of outgoing devices.
    Handover,
    /// By a kexec that tells it nothing.
    Kexec,
    /// By halt, poweroff or a reboot through the firmware.
    Off,
}

/// A device, as far as that decides who may stop it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owned {
    /// It, or a device below it, was preserved by the previous kernel and is not finished.
    pub incoming: bool,
    /// It, or a device below it, is preserved for the next kernel.
    pub outgoing: bool,
    /// It is a bridge.
    pub bridge: bool,
    /// Its driver.
    pub driver: Driver,
}

impl Owned {
    /// Whether Bus Master stays set, whoever clears it.
    ///
    /// An outgoing device is its driver's until the end, but the bridges above it are not.
    pub fn keeps_master(self, ending: Ending) -> bool {
        if !self.bridge && self.driver != Driver::None {
            return false;
        }
        match ending {
            Ending::No => self.incoming || (self.outgoing && self.bridge),
            _ => self.keeps_dma(ending),
        }
    }

    /// Whether Bus Master stays set when the device is shut down, where all other devices lose it.
    ///
    /// Nothing keeps the bit over a kexec that does not tell the next kernel of it.
    pub fn keeps_dma(self, ending: Ending) -> bool {
        self.outgoing && ending == Ending::Handover
    }

    /// Whether INTx stays disabled, if it is, when the device is enabled.
    ///
    /// A driver that takes incoming devices enables INTx itself, once it has a handler.
    pub fn keeps_intx(self) -> bool {
        self.incoming && !self.bridge && self.driver != Driver::Other
    }

    /// Whether the function may be reset by whoever it was given to.
    pub fn may_reset(self) -> bool {
        !(self.incoming || self.outgoing) || self.driver == Driver::LiveUpdate
    }
}
