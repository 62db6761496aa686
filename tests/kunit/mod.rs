// SPDX-License-Identifier: GPL-2.0

//! Unit tests of the core in a running kernel.
//!
//! ```text
//!   fixture.rs    the core of a test                   memory that is never preserved
//!   bare.rs       devices and buses wired by hand      thousands of them, in any topology
//!   fake_bus.rs   host bridges, hardware.rs behind     the PCI core enumerates them
//! ```
//!
//! A test makes its own core. The hooks of the PCI core work on it as well if they run in the task
//! of the test, since the accessor `pci_liveupdate_core()` is redirected there, see `helpers.c`.
//! The core of the machine is never touched. A failed assertion ends the task of the test without
//! running a destructor, so nothing is asserted with a lock held.

mod bare;
mod config;
mod fake_bus;
mod filler;
mod fixture;
mod hardware;
mod machine;

mod arrivals;
mod bytes;
mod counts;
mod enumeration;
mod errnos;
mod fabric;
mod facts;
#[cfg(all(
    CONFIG_FAULT_INJECTION_DEBUG_FS,
    CONFIG_FAILSLAB,
    CONFIG_FAIL_PAGE_ALLOC //
))]
mod failnth;
#[cfg(all(
    CONFIG_FAULT_INJECTION_DEBUG_FS,
    CONFIG_FAILSLAB,
    CONFIG_FAIL_PAGE_ALLOC //
))]
mod faults;
mod formats;
#[cfg(CONFIG_IOMMU_API)]
mod groups;
mod isolation;
mod many;
mod master;
mod paths;
mod record;
mod resets;
mod xindex;
