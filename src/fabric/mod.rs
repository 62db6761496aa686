// SPDX-License-Identifier: GPL-2.0

//! What live devices depend on, and how it is kept as it is.
//!
//! ```text
//!   buses     bus numbers: the requester IDs of devices     pci_scan_bridge_extend()
//!   acs, ari  the routing of their transactions             pci_enable_acs(), pci_configure_ari()
//!   master    Bus Master, theirs and that of bridges; INTx  pci_clear_master(), ...
//!   resets    resets that would reach them                  pci_reset_function(), ...
//!   sleep     suspend, and all else that stops devices      PM notifier, kernel_kexec()
//!   dma       DMA addresses, or else no DMA                 iommu_probe_device(), ...
//!   driver    which drivers may bind to them                pci_bus_match()
//!   sriov     Virtual Functions, which they have none of    sriov_enable()
//!   leftover  those that nobody finished                    the end of the FLB
//! ```

pub(crate) mod acs;
pub(crate) mod ari;
mod bus;
pub(crate) mod buses;
pub(crate) mod dma;
mod driver;
pub(crate) mod leftover;
mod master;
mod resets;
pub(crate) mod sleep;
mod sriov;
