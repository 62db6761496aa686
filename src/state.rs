// SPDX-License-Identifier: GPL-2.0

//! The only state of the core, and the lock that guards it.
//!
//! # Locks
//!
//! From the outside to the inside:
//!
//! ```text
//!   session and file locks of LUO  ->  the mutex of the FLB  ->  STATE  ->  lock of an xarray
//!   pci_rescan_remove_lock, device_lock                      ->  STATE
//!   STATE  ->  pci_rescan_remove_lock, which is tried but never waited for
//! ```
//!
//! [`STATE`] is a leaf but for memory allocation and that try: below it, nothing of LUO, the driver
//! core or the IOMMU is called. The hooks of the PCI core run under `pci_rescan_remove_lock`, a
//! `device_lock` or none, and the FLB callbacks run under the mutex of the FLB. Because neither
//! ever waits for the other's outer lock, LUO is asked for the handover once, at boot, with no lock
//! of PCI held.
//!
//! What hooks look at on each device of each boot is a single word, [`handover`], and the flags of
//! the device.

use crate::{
    abi::Ser,
    logic::{
        Arrival,
        Incoming,
        Outgoing,
        Place, //
    },
    memory::Memory,
    world::{
        PerWorld,
        WORLDS, //
    },
    xindex::XIndex, //
};
use kernel::{
    kho,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        global_lock, //
    }, //
};

/// What goes to the next kernel, in memory that the core allocated for it.
pub(crate) type Out = Outgoing<Memory<kho::Preserved<Ser>>, XIndex<Place>>;

/// What came from the previous kernel, in memory that the core took over.
pub(crate) type In = Incoming<Memory<kho::Restored<Ser>>, XIndex<Arrival>>;

/// Both directions. They know nothing of each other.
pub(crate) struct State {
    /// Here from the first preserved file to the last unpreserved one.
    pub(crate) outgoing: Option<Out>,
    /// Here from the start of this kernel to the last finished file.
    pub(crate) incoming: Option<In>,
}

impl State {
    const fn new() -> Self {
        Self {
            outgoing: None,
            incoming: None,
        }
    }
}

global_lock! {
    // SAFETY: Initialized by `init()`, which runs before anybody else.
    pub(crate) unsafe(uninit) static STATE: Mutex<PerWorld<State>> =
        PerWorld::new([const { State::new() }; WORLDS]);
}

/// Makes [`STATE`] usable.
///
/// # Safety
///
/// Must be called once, before anything else of the core.
pub(crate) unsafe fn init() {
    // SAFETY: By the safety requirements of this function.
    unsafe { STATE.init() };
}

/// What the previous kernel left for this one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handover {
    /// Nothing, or nothing any more.
    Nothing,
    /// Devices, all known.
    Devices,
    /// Devices, but it cannot be told which, so none may reach memory.
    Contained,
}

static HANDOVER: PerWorld<Atomic<u32>> =
    PerWorld::new([const { Atomic::new(Handover::Nothing as u32) }; WORLDS]);

/// What the previous kernel left for this one, as far as it still matters.
pub(crate) fn handover() -> Handover {
    match HANDOVER.load(Relaxed) {
        n if n == Handover::Devices as u32 => Handover::Devices,
        n if n == Handover::Contained as u32 => Handover::Contained,
        _ => Handover::Nothing,
    }
}

/// Says what the previous kernel left for this one.
pub(crate) fn set_handover(handover: Handover) {
    // CAST: as it is read back above.
    HANDOVER.store(handover as u32, Relaxed);
}
