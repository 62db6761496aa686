// SPDX-License-Identifier: GPL-2.0

//! A network card that keeps receiving while the kernel is replaced.
//!
//! This driver for the Intel 82574 (QEMU's `e1000e`) receives frames into a ring, and user space
//! reads them from a file ([`file`]). There is no network interface. It shows what a driver for
//! real hardware has to consider if its device keeps running over a `kexec`, in this order:
//!
//! - [`memory`]: the memory that the card accesses is preserved, in a layout that both kernels know
//!   by a name with a version.
//! - [`ring`]: this memory is not freed while the card may write to it, whatever fails.
//! - [`receiver`]: which registers are written, and which only if the card is not in use.
//! - [`card`]: a card may be in use when the driver is bound to it.
//! - [`handler`]: what happens when user space preserves a file, retrieves it, or does not.
//!
//! ```text
//!  user space                            read()          read()               read()
//!                                           ^               ^                    ^
//!  old kernel     probe()     preserve()    │               │       new kernel   │
//!             reset, start     nothing      │               │       take_over()  │
//!                  │                        │     kexec     │       reads only   │
//!                  v                        │               │                    │
//!  card            ════════ ring ═══════════╪═══════════════╪════════════════════╪════>
//! ```
//!
//! The ring is polled, so no interrupt has to be preserved. No IOMMU may translate the addresses
//! that the card uses, since its page tables are not preserved.

mod card;
mod file;
mod handler;
mod memory;
mod receiver;
mod regs;
mod ring;
mod table;

use crate::{
    card::Card,
    handler::Files,
    table::{
        Entry,
        TABLE, //
    }, //
};
use kernel::{
    device::{
        self,
        Core, //
    },
    driver,
    kho,
    liveupdate,
    miscdevice::NamedRegistration,
    pci,
    prelude::*,
    str::CString, //
};

/// The data of a bound card. The node is dropped first, so that it cannot be opened without the
/// entry.
#[pin_data]
struct Binding {
    #[pin]
    node: NamedRegistration<Card>,
    entry: Entry,
}

struct Driver;

kernel::pci_device_table!(
    PCI_TABLE,
    <Driver as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_id(pci::Vendor::INTEL, 0x10d3), ())]
);

/// Refuses a card that could not be preserved, before anything is done with it.
fn check(pdev: &pci::Device<Core<'_>>) -> Result {
    if !kho::is_enabled() {
        dev_err!(pdev, "its ring cannot be preserved, boot with kho=on\n");
        return Err(EOPNOTSUPP);
    }
    if !pdev.dma_survives_kexec() {
        dev_err!(
            pdev,
            "its DMA addresses depend on an IOMMU, boot with iommu=pt\n"
        );
        return Err(EOPNOTSUPP);
    }
    Ok(())
}

impl pci::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = Binding;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;
    const LIVEUPDATE: bool = true;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        pin_init::pin_init_scope(move || {
            check(pdev)?;

            let dev: &device::Device = pdev.as_ref();
            let name = CString::try_from_fmt(fmt!("{}{}", file::PREFIX, dev.name()))?;

            Ok(try_pin_init!(Binding {
                entry: Entry::new(Card::new(pdev)?)?,
                node <- NamedRegistration::register(name),
                _: {
                    entry.card().start()?;
                },
            }))
        })
    }

    fn unbind<'bound>(pdev: &'bound pci::Device<Core<'_>>, binding: Pin<&Self::Data<'bound>>) {
        binding.entry.card().unbind(pdev);
    }
}

#[pin_data]
struct Module {
    #[pin]
    _driver: driver::Registration<pci::Adapter<Driver>>,
    _handler: Option<Pin<KBox<pci::liveupdate::Registration<Files>>>>,
}

impl Module {
    /// Registers the handler. If live update is disabled, the driver does without.
    fn register() -> Result<Option<Pin<KBox<pci::liveupdate::Registration<Files>>>>> {
        if !liveupdate::is_enabled() {
            return Ok(None);
        }

        // SAFETY: This is the last step of `init()`, and the module drops the registration on exit.
        let registration = unsafe { pci::liveupdate::Registration::new() };

        Ok(Some(KBox::pin_init(registration, GFP_KERNEL)?))
    }
}

impl kernel::InPlaceModule for Module {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        // SAFETY: A module is initialized once.
        unsafe { TABLE.init() };

        try_pin_init!(Self {
            _driver <- driver::Registration::new(c"rust_driver_e1000e_liveupdate", module),
            _handler: Self::register()?,
        })
    }
}

kernel::liveupdate_file_info!(memory::COMPATIBLE);

module! {
    type: Module,
    name: "rust_driver_e1000e_liveupdate",
    authors: ["PCI Live Update maintainers"],
    description: "Rust network card driver that keeps receiving over a live update",
    license: "GPL",
}
