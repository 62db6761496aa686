// SPDX-License-Identifier: GPL-2.0

//! The core: one value that holds both directions, and the lock that guards them.
//!
//! The machine has one [`Core`]. A unit test makes its own, and has the accessor redirected where
//! it goes through C.
//!
//! # Locks
//!
//! From the outside to the inside:
//!
//! ```text
//!   session and file locks of LUO  ->  the mutex of the FLB  ->  Core::directions
//!   pci_rescan_remove_lock, device_lock                      ->  Core::directions
//!   Core::directions  ->  lock of the xarray
//! ```
//!
//! The lock of the core is a leaf but for memory allocation: below it, nothing of LUO, PCI, the
//! driver core or the IOMMU is called. The hooks of the PCI core run under
//! `pci_rescan_remove_lock`, a `device_lock` or none, and the FLB callbacks run under the mutex of
//! the FLB. Neither ever waits for the other's outer lock: preserving a device only tries
//! `pci_rescan_remove_lock`, and LUO is asked for the handover once, at boot, with no lock of PCI
//! held.
//!
//! What hooks look at on each device of each boot is a single word, [`Core::handover`], and the
//! state of the device.

use crate::{
    abi::{
        blocks::{
            Block,
            Head, //
        },
        identity::Record,
        Ser, //
    },
    fabric::sleep::Sleeping,
    logic::{
        self,
        Arrival,
        Entry,
        Formats,
        Function,
        Policy, //
    },
    once::Once,
    report::stats::Stats,
    retrieve::Lists,
    xindex::XIndex, //
};
use kernel::{
    bindings,
    kho,
    liveupdate,
    new_mutex,
    pci,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Mutex, //
    },
    types::ForeignOwnable, //
};

/// What the next kernel reads.
pub(crate) type Tables = logic::Tables<kho::Folio<Ser>, kho::Folio<Head>, KVVec<kho::Folio<Block>>>;

/// What goes to the next kernel.
pub(crate) type Outgoing = logic::Outgoing<Tables, KVVec<Entry>>;

/// What came from the previous kernel.
pub(crate) type Incoming = logic::Incoming<KVVec<Arrival>, XIndex>;

/// Both directions. They know nothing of each other.
pub(crate) struct Directions {
    /// Here from the first preserved file to the last unpreserved one.
    pub(crate) outgoing: Option<Outgoing>,
    /// What was handed over, until it is compared, and the lists that are not finished after that.
    pub(crate) lists: Lists,
    /// Here from the start of this kernel to the last finished file.
    pub(crate) incoming: Option<Incoming>,
    /// What the outgoing devices are. Here as long as LUO wants it.
    pub(crate) record: Option<kho::Folio<Record>>,
    /// Devices may be suspended, so none may be preserved.
    pub(crate) sleeping: Sleeping,
}

/// What the previous kernel left for this one.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Handover {
    /// Nothing, or nothing any more.
    Nothing,
    /// Devices, all known.
    Devices,
    /// Devices, but it cannot be told which, so none may reach memory.
    Contained,
}

/// PCI Live Update, of a machine or of a test.
#[pin_data]
pub(crate) struct Core {
    #[pin]
    pub(crate) directions: Mutex<Directions>,
    handover: Once<Handover>,
    /// The table has been checked for the last time.
    pub(crate) inspected: Atomic<bool>,
    pub(crate) policy: Policy,
    /// Whether Live Update is switched on.
    pub(crate) is_enabled: fn() -> bool,
    pub(crate) stats: Stats,
}

impl Core {
    /// A core that has preserved nothing, and was handed over nothing.
    pub(crate) fn new(policy: Policy, is_enabled: fn() -> bool) -> impl PinInit<Self> {
        pin_init!(Self {
            directions <- new_mutex!(Directions {
                outgoing: None,
                lists: Lists::default(),
                incoming: None,
                record: None,
                sleeping: Sleeping::default(),
            }),
            handover: Once::new(Handover::Nothing),
            inspected: Atomic::new(false),
            policy,
            is_enabled,
            stats: Stats::new(),
        })
    }

    /// What the previous kernel left for this one, as far as it still matters.
    #[inline]
    pub(crate) fn handover(&self) -> Handover {
        self.handover.read()
    }

    /// Says what the previous kernel left for this one.
    pub(crate) fn set_handover(&self, handover: Handover) {
        self.handover.write(handover);
    }

    /// Whether the previous kernel preserved `dev` and nobody has finished it.
    ///
    /// A device that was being set up when the last file was finished keeps its slot, which says
    /// nothing any more.
    pub(crate) fn is_incoming(&self, dev: &pci::Device) -> bool {
        dev.incoming().is_some() && self.handover() == Handover::Devices
    }

    /// Whether `dev` is in use by another kernel than this one.
    pub(crate) fn is_live(&self, dev: &pci::Device) -> bool {
        dev.outgoing().is_some() || self.is_incoming(dev)
    }
}

/// The policy that was asked for on the command line.
static POLICY: Atomic<u32> = Atomic::new(Policy::Panic as u32);

/// Takes the policy from the command line, before the machine has its core.
pub(crate) fn set_policy(name: &[u8]) -> Result {
    let policy = Policy::parse(name).ok_or(EINVAL)?;

    // CAST: as it is read back below.
    POLICY.store(policy as u32, Relaxed);
    Ok(())
}

/// The formats that were asked for on the command line.
static FORMATS: Atomic<u32> = Atomic::new(Formats::ALL.bits() as u32);

/// Takes the formats from the command line, before anything is handed over.
pub(crate) fn set_formats(names: &[u8]) -> Result {
    let formats = Formats::parse(names).ok_or(EINVAL)?;

    FORMATS.store(formats.bits().into(), Relaxed);
    Ok(())
}

/// In which formats this kernel hands over, and takes over.
pub(crate) fn formats() -> Formats {
    let bits = u8::try_from(FORMATS.load(Relaxed)).ok();

    bits.and_then(Formats::from_bits).unwrap_or(Formats::ALL)
}

/// Makes the core of the machine.
pub(crate) fn init() -> Result {
    let policy = match POLICY.load(Relaxed) {
        n if n == Policy::Contain as u32 => Policy::Contain,
        n if n == Policy::Ignore as u32 => Policy::Ignore,
        _ => Policy::Panic,
    };
    let core = KBox::pin_init(Core::new(policy, liveupdate::is_enabled), GFP_KERNEL)?;

    // SAFETY: Called at boot, before any other processor runs code of this crate. What C gets is
    // pinned, and never freed.
    unsafe { bindings::pci_liveupdate_set_core(core.into_foreign().cast()) };
    Ok(())
}

/// The core that the current task works on: that of the machine, unless it was redirected.
///
/// There is none before the machine has made its own.
#[inline]
pub(crate) fn core() -> Option<&'static Core> {
    // SAFETY: Always safe to call. What it returns was set by `init()`, or by who redirected it
    // and keeps the value until that ends.
    unsafe { bindings::pci_liveupdate_core().cast::<Core>().as_ref() }
}
