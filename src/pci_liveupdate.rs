// SPDX-License-Identifier: GPL-2.0

//! PCI Live Update: the core that lets PCI devices run on while the kernel is replaced by kexec.
//!
//! ```text
//!          C: PCI core, drivers, initcalls                  LUO
//!                        |                                   |
//!                   ffi.rs, boot.rs                  flb.rs, retrieve.rs
//!       +----------------+---------------+                   |
//!   outgoing.rs     incoming.rs       fabric/                |
//!       +----------------+---------------+-------------------+
//!                     core.rs ---- report/
//!                        |
//!           logic/ over abi/, xindex.rs, kernel::kho
//! ```
//!
//! [`abi`] is what both kernels agree on, [`logic`] what is counted and decided; neither knows that
//! it is in a kernel. [`device`] is all that the core knows of a `struct pci_dev`. [`core`] has the
//! one value that everything works on, and the locks.

use kernel::prelude::*;

#[path = "../abi/mod.rs"]
pub mod abi;
#[cfg(CONFIG_PCI_LIVEUPDATE_BENCH)]
#[path = "../tests/bench/mod.rs"]
pub mod bench;
mod boot;
mod core;
mod device;
mod fabric;
pub mod ffi;
mod flb;
mod incoming;
pub mod logic;
mod once;
mod outgoing;
mod record;
mod report;
mod retrieve;
#[cfg(CONFIG_PCI_LIVEUPDATE_KUNIT_TEST)]
#[path = "../tests/kunit/mod.rs"]
mod tests;
mod xindex;

const __LOG_PREFIX: &[u8] = b"pci_liveupdate\0";

/// The core is always built in, so it is part of no module. `#[vtable]` asks for one.
struct LocalModule;

impl kernel::ModuleMetadata for LocalModule {
    const NAME: &'static CStr = c"pci_liveupdate";

    // SAFETY: Null is what C knows as the module of built-in code.
    const THIS_MODULE: ThisModule = unsafe { ThisModule::from_ptr(::core::ptr::null_mut()) };
}

/// Lets `pr_*!` and `dev_*!` print types that only know `core`.
macro_rules! print_in_kernel {
    ($($ty:ty),* $(,)?) => {
        $(
            impl kernel::fmt::Display for $ty {
                fn fmt(&self, f: &mut kernel::fmt::Formatter<'_>) -> kernel::fmt::Result {
                    ::core::fmt::Display::fmt(self, f)
                }
            }
        )*
    };
}

print_in_kernel!(
    abi::identity::Damaged,
    abi::Corrupt,
    abi::CorruptList,
    abi::Key,
    logic::Bad,
    logic::Differ,
    logic::Difference,
    logic::Formats,
    logic::Ineligible,
    logic::Model,
    logic::OtherDevice,
    logic::Refused,
    logic::Unscannable,
    logic::Unusable,
);
