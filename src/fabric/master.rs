// SPDX-License-Identifier: GPL-2.0

//! Bus Master, which stays set where the transactions of a live device depend on it, and INTx,
//! which stays disabled where nobody would handle it.
//!
//! ```text
//!   keep_master  whoever clears it         pci_clear_master(), pci_disable_device()
//!   keep_dma     at the end of a kernel    pci_device_shutdown()
//!   keep_intx    whoever enables a device  pci_enable_device()
//! ```

use super::dma::dma_stops;
use crate::{
    core::Core,
    device::{
        ending,
        DeviceExt, //
    },
    logic::{
        Function,
        Owned, //
    }, //
};
use kernel::pci;

impl Core {
    /// Whether Bus Master of `dev` stays set, whoever clears it.
    pub(crate) fn keep_master(&self, dev: &pci::Device) -> bool {
        self.owned(dev)
            .is_some_and(|owned| owned.keeps_master(ending()) && !dma_stops(dev))
    }

    /// Whether Bus Master of `dev` stays set when it is shut down.
    pub(crate) fn keep_dma(&self, dev: &pci::Device) -> bool {
        self.owned(dev)
            .is_some_and(|owned| owned.keeps_dma(ending()) && !dma_stops(dev))
    }

    /// Whether INTx of `dev` stays disabled, if it is, when it is enabled.
    pub(crate) fn keep_intx(&self, dev: &pci::Device) -> bool {
        self.owned(dev).is_some_and(Owned::keeps_intx)
    }

    /// What decides who may stop `dev`, if it is live.
    pub(super) fn owned(&self, dev: &pci::Device) -> Option<Owned> {
        self.is_live(dev).then(|| Owned {
            incoming: self.is_incoming(dev),
            outgoing: dev.outgoing().is_some(),
            bridge: dev.is_bridge(),
            driver: dev.driver(),
        })
    }
}
