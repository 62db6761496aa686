// SPDX-License-Identifier: GPL-2.0

//! A network card that keeps receiving while the kernel is replaced.
//!
//! A driver for the Intel 82574 (QEMU's `e1000e`) that does one thing: it receives frames into a
//! ring, and user space reads them from a file ([`file`]). It is no network interface. It shows
//! what a driver for real hardware has to think of when its device lives on over a `kexec`, in the
//! order of reading:
//!
//! - [`memory`]: what the card works on lies in memory that the next kernel finds, in a layout that
//!   both kernels know by a name with a version.
//! - [`ring`]: that memory is not freed as long as the card may write into it, whatever fails.
//! - [`receiver`]: which registers are written when, and which only while nobody needs the card.
//! - [`card`]: a card that is bound may belong to somebody already.
//! - [`handler`]: what happens when user space preserves a file, and asks for it in the new kernel.
//!
//! ```text
//!            user space                   read()          read()                read()
//!                                            ^               ^                     ^
//!  old kernel     probe()     preserve()     │               │        new kernel   │
//!             reset, start     nothing!      │               │         take_over() │
//!                  │                         │      kexec    │      only looks     │
//!                  v                         │               │                     │
//!  card            ═════════ ring ═══════════╪═══════════════╪═════════════════════╪════>
//! ```
//!
//! The ring is polled and never interrupts, so that no interrupt has to be handed over. There must
//! be no IOMMU that translates what the card sends: its tables would have to be handed over, too.

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
    iommu,
    kho,
    liveupdate,
    miscdevice::NamedRegistration,
    pci,
    prelude::*,
    str::CString, //
};

/// What is there while a card is bound. The file goes first, so that nobody opens what is gone.
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

/// Refuses a card that could not be handed over, before anything is done to it.
fn check(pdev: &pci::Device<Core<'_>>) -> Result {
    if !kho::is_enabled() {
        dev_err!(
            pdev,
            "there is no memory that outlives the kernel, boot with kho=on\n"
        );
        return Err(EOPNOTSUPP);
    }
    if iommu::is_translated(pdev.as_ref()) {
        dev_err!(
            pdev,
            "an IOMMU translates its addresses, boot with iommu=pt\n"
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
    /// Without live updates, the driver is one like any other.
    fn register() -> Result<Option<Pin<KBox<pci::liveupdate::Registration<Files>>>>> {
        if !liveupdate::is_enabled() {
            return Ok(None);
        }

        // SAFETY: `init()` calls this last, and the module drops the registration on exit.
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

module! {
    type: Module,
    name: "rust_driver_e1000e_liveupdate",
    authors: ["PCI Live Update maintainers"],
    description: "Rust network card driver that keeps receiving over a live update",
    license: "GPL",
}
