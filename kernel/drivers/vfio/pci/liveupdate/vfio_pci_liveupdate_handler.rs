// SPDX-License-Identifier: GPL-2.0

//! The file handler for VFIO PCI devices: user space keeps its device over kexec.
//!
//! ```text
//!   LUO ---- handler.rs ---- table.rs ---- kernel::pci::liveupdate ---- PCI core
//!                |               |
//!            format.rs        vfio.rs ---- helpers.c ---- vfio-pci-core
//!                                |
//!                        unbind, hot-unplug
//! ```
//!
//! LUO says what is to become of a file, [`handler`] what that means. [`table`] has the files that
//! LUO holds, of devices that are preserved for the next kernel or were by the previous one, and
//! the lock by which unbinding a driver and LUO do not get in each other's way. [`vfio`] is the way
//! to VFIO, which may be a module, and back. [`format`] is what both kernels agree on.
//!
//! All that is preserved of a device is the device: it is not touched, and its registers say what
//! there is to know. What it reads and writes is in other files of the session.
//!
//! Locks, in the order in which they are taken: those of LUO or the lock of the device, the state
//! of an [`Entry`](table::Entry), the list of entries, those of VFIO and of the PCI core. A
//! callback of LUO takes no lock of a device.

use kernel::{
    liveupdate::{
        self,
        file::Handler, //
    },
    pci::liveupdate::Registration,
    prelude::*, //
};

pub mod format;
mod handler;
mod table;
pub mod vfio;

use handler::Files;

/// Lets `pr_*!` print types that only know `core`.
macro_rules! print_in_kernel {
    ($($ty:ty),+ $(,)?) => {
        $(
            impl kernel::fmt::Display for $ty {
                fn fmt(&self, f: &mut kernel::fmt::Formatter<'_>) -> kernel::fmt::Result {
                    ::core::fmt::Display::fmt(self, f)
                }
            }
        )+
    };
}

print_in_kernel!(format::Location, format::Unreadable);

/// The handler, from boot on.
struct VfioPciLiveUpdate {
    _registration: Option<Pin<KBox<Registration<Files>>>>,
}

impl VfioPciLiveUpdate {
    /// Registers the handler, unless Live Update is disabled.
    fn register() -> Result<Option<Pin<KBox<Registration<Files>>>>> {
        if !liveupdate::is_enabled() {
            return Ok(None);
        }

        // SAFETY: Built-in code is never unloaded, so the registration is never dropped.
        let registration = unsafe { Registration::new() };

        Ok(Some(KBox::pin_init(registration, GFP_KERNEL)?))
    }
}

impl kernel::Module for VfioPciLiveUpdate {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        table::init();

        Ok(Self {
            _registration: Self::register()?,
        })
    }
}

module! {
    type: VfioPciLiveUpdate,
    name: "vfio_pci_liveupdate",
    authors: ["PCI Live Update maintainers"],
    description: "File handler for VFIO PCI devices that keep running over kexec",
    license: "GPL",
}

kernel::liveupdate_file_info!(<Files as Handler>::COMPATIBLE);
