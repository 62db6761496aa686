// SPDX-License-Identifier: GPL-2.0

//! Unit tests of the core in a running kernel.
//!
//! ```text
//!   bare.rs       devices and buses wired by hand      fast: thousands of them, any shape
//!   fake_bus.rs   host bridges, hardware.rs behind     true: the PCI core enumerates them
//!   scene.rs      what the core remembers, for a test  memory that is not from KHO
//! ```
//!
//! A test is in a world of its own (see [`crate::world`]): whatever it does, the state of the
//! machine stays as it is. A failed assertion ends the task of the test without running a
//! destructor, so nothing is asserted with a lock held.

mod bare;
mod config;
mod fake_bus;
mod hardware;
mod machine;
mod scene;

mod arrivals;
mod cost;
mod counts;
mod crowd;
mod enumeration;
mod errnos;
mod fabric;
mod facts;
#[cfg(CONFIG_IOMMU_API)]
mod groups;
mod master;
mod paths;
mod words;
mod worlds;

pub(crate) use scene::Plain;
