// SPDX-License-Identifier: GPL-2.0

//! Bus Master, which stays set where the transactions of a live device depend on it.

use crate::{
    core::Core,
    device::{
        is_handing_over,
        is_jumping, //
    },
    logic::{
        Function,
        Status, //
    },
};
use kernel::pci;

impl Core {
    /// Whether Bus Master of `dev` stays set, whoever clears it.
    pub(crate) fn keep_master(&self, dev: &pci::Device) -> bool {
        let status = Status {
            incoming: self.is_incoming(dev),
            outgoing: dev.outgoing().is_some(),
            bridge: dev.is_bridge(),
            jumping: is_jumping(),
            handing_over: is_handing_over(),
        };

        status.keeps_master()
    }
}
