// SPDX-License-Identifier: GPL-2.0

//! All that the core knows of a `struct pci_dev`, and the state that it keeps on one.

use crate::{
    abi::{
        identity::Identity,
        Key, //
    },
    logic::{
        Driver,
        Ending,
        Facts,
        Function,
        Slot, //
    },
    once::Once, //
};
use core::{
    mem::{
        offset_of,
        size_of, //
    },
    ops::Deref,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    bindings,
    pci,
    prelude::*,
    sync::aref::ARef,
    types::NotThreadSafe, //
};

/// What the core keeps on a device: `struct pci_liveupdate`.
///
/// Hooks look at it without a lock. Each field has one writer at a time: the slots change below
/// the lock of the core, the rest where the device is set up, scanned, matched or shut down.
// INVARIANT: of `Once`, the fields have up to 32 bits.
#[repr(C)]
pub(crate) struct State {
    outgoing: Once<u32>,
    incoming: Once<u32>,
    /// The bus numbers of an incoming bridge, as found when it was enumerated.
    pub(crate) buses: Once<u32>,
    /// Vendor ID and Device ID, before any quirk has changed what the PCI core keeps of them.
    id: Once<u32>,
    /// Class Code and Revision ID, likewise.
    class_revision: Once<u32>,
    /// ACS Control as the previous kernel had it.
    pub(crate) acs_ctrl: Once<u16>,
    /// Header Type, without the Multi-Function bit, likewise.
    hdr_type: Once<u8>,
    /// Whether `acs_ctrl` is not to be changed.
    pub(crate) acs_kept: Once<bool>,
    /// Whether device-specific ACS operations apply to it or to a bridge above it.
    pub(crate) acs_quirk: Once<bool>,
    /// Its Virtual Functions are being enabled. Changes below the lock of the core.
    pub(crate) enabling_vfs: Once<bool>,
    /// What the next kernel gets about it is settled.
    pub(crate) frozen: Once<bool>,
    /// It is being removed from the system.
    pub(crate) removed: Once<bool>,
    /// It keeps its bus numbers in the scan that is running.
    pub(crate) pinned: Once<bool>,
    /// It was left alone for its bus numbers.
    pub(crate) refused: Once<bool>,
    /// The log says that a driver was kept from it.
    pub(crate) match_logged: Once<bool>,
}

/// Checks that both languages mean the same bytes.
macro_rules! same_layout {
    ($($field:ident),* $(,)?) => {
        const _: () = {
            assert!(size_of::<State>() == size_of::<bindings::pci_liveupdate>());
            $(
                assert!(
                    offset_of!(State, $field) == offset_of!(bindings::pci_liveupdate, $field)
                );
            )*
        };
    };
}

same_layout!(
    outgoing,
    incoming,
    buses,
    id,
    class_revision,
    acs_ctrl,
    hdr_type,
    acs_kept,
    acs_quirk,
    enabling_vfs,
    frozen,
    removed,
    pinned,
    refused,
    match_logged,
);

/// What can change while a device is being preserved.
#[derive(Clone, Copy)]
pub(crate) struct LateFacts {
    /// See [`Facts::vfs_enabled`]. Settled below the lock of the core.
    pub(crate) vfs_enabled: bool,
    /// See [`Facts::frozen`].
    pub(crate) frozen: bool,
    /// The system is being suspended, hibernated or rebooted in any way.
    pub(crate) sleeping: bool,
}

impl LateFacts {
    /// What C says, and what the core keeps on the device.
    #[inline]
    fn new(bits: u32, state: &State) -> Self {
        let vfs_enabled = bits & bindings::pci_liveupdate_fact_PCI_LIVEUPDATE_VFS_ENABLED != 0;
        let jumping = bits & bindings::pci_liveupdate_fact_PCI_LIVEUPDATE_JUMPING != 0;

        Self {
            vfs_enabled: vfs_enabled || state.enabling_vfs.read(),
            frozen: jumping || state.frozen.read(),
            sleeping: bits & bindings::pci_liveupdate_fact_PCI_LIVEUPDATE_SLEEPING != 0,
        }
    }
}

/// What the core asks of a device beyond what drivers may.
pub(crate) trait DeviceExt {
    /// The C side of it.
    fn raw(&self) -> *mut bindings::pci_dev;

    /// What the core keeps on it.
    fn state(&self) -> &State;

    /// Whether it is function 0 of a PCI Express device.
    fn is_first_express(&self) -> bool;

    /// Whether what the next kernel gets about it is settled.
    fn is_frozen(&self) -> bool;

    /// Whether user space has named its driver.
    fn is_overridden(&self) -> bool;

    /// Its driver, which can be another one at once unless the caller holds the device lock.
    fn driver(&self) -> Driver;

    /// Keeps what its ID registers say, while it is being set up: a quirk can change that later.
    fn keep_identity(&self);

    /// What its ID registers said when it was set up.
    fn enumerated(&self) -> Identity;

    /// What decides whether it is eligible.
    fn facts(&self) -> Facts;

    /// What of that can change until the lock of the core is taken.
    fn late_facts(&self) -> LateFacts;

    /// Clears Bus Master in its register.
    fn clear_master(&self);

    /// Reads 16 bits of its configuration space.
    fn read16(&self, offset: u32) -> Option<u16>;

    /// Writes 16 bits of its configuration space.
    fn write16(&self, offset: u32, value: u16);

    /// Reads 32 bits of its configuration space.
    fn read32(&self, offset: u32) -> Option<u32>;

    /// Writes 32 bits of its configuration space.
    fn write32(&self, offset: u32, value: u32);

    /// Where its ACS Control is, if it has the capability.
    fn acs_ctrl(&self) -> Option<u32>;

    /// Its Device Control 2, of the PCI Express Capability; 0 without one.
    fn devctl2(&self) -> u16;
}

impl DeviceExt for pci::Device {
    fn raw(&self) -> *mut bindings::pci_dev {
        ptr::from_ref(self).cast_mut().cast()
    }

    #[inline(always)]
    fn state(&self) -> &State {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device, which lives
        // as long as the borrow. The layout is the same, see above, and nobody but the core uses
        // this part of the device.
        unsafe { &*(&raw const (*self.raw()).liveupdate).cast() }
    }

    fn is_first_express(&self) -> bool {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
        let (express, devfn) = unsafe { ((*self.raw()).pcie_cap, (*self.raw()).devfn) };

        express != 0 && devfn == 0
    }

    fn is_frozen(&self) -> bool {
        self.state().frozen.read() || is_jumping()
    }

    fn is_overridden(&self) -> bool {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
        unsafe { bindings::pci_liveupdate_is_overridden(self.raw()) }
    }

    fn driver(&self) -> Driver {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
        let (bound, liveupdate) = unsafe {
            (
                bindings::pci_liveupdate_has_driver(self.raw()),
                bindings::pci_liveupdate_has_liveupdate_driver(self.raw()),
            )
        };

        match (bound, liveupdate) {
            (false, _) => Driver::None,
            (true, false) => Driver::Other,
            (true, true) => Driver::LiveUpdate,
        }
    }

    #[inline]
    fn keep_identity(&self) {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
        let (vendor, device, class, revision, hdr_type) = unsafe {
            let dev = self.raw();
            (
                (*dev).vendor,
                (*dev).device,
                (*dev).class,
                (*dev).revision,
                (*dev).hdr_type,
            )
        };

        let state = self.state();
        state.id.write(u32::from(device) << 16 | u32::from(vendor));
        state.class_revision.write(class << 8 | u32::from(revision));
        state.hdr_type.write(hdr_type);
    }

    fn enumerated(&self) -> Identity {
        let (key, state) = (self.key(), self.state());
        let [vendor, device] = halves(state.id.read());

        Identity {
            domain: key.domain(),
            bdf: key.bdf(),
            flags: Identity::USED,
            header_type: state.hdr_type.read(),
            vendor,
            device,
            class_revision: state.class_revision.read(),
            ..Identity::default()
        }
    }

    #[inline]
    fn facts(&self) -> Facts {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
        let bits = unsafe { bindings::pci_liveupdate_facts(self.raw()) };
        let late = LateFacts::new(bits, self.state());

        Facts {
            virtfn: bits & bindings::pci_liveupdate_fact_PCI_LIVEUPDATE_VIRTFN != 0,
            vfs_enabled: late.vfs_enabled,
            proxied: bits & bindings::pci_liveupdate_fact_PCI_LIVEUPDATE_PROXIED != 0,
            acs_quirk: self.state().acs_quirk.read(),
            group_shared: bits & bindings::pci_liveupdate_fact_PCI_LIVEUPDATE_GROUP_SHARED != 0,
            frozen: late.frozen,
        }
    }

    #[inline]
    fn late_facts(&self) -> LateFacts {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
        let bits = unsafe { bindings::pci_liveupdate_late_facts(self.raw()) };

        LateFacts::new(bits, self.state())
    }

    fn clear_master(&self) {
        // CAST: the bit is one of the 16.
        let master = bindings::PCI_COMMAND_MASTER as u16;

        if let Some(command) = self.read16(bindings::PCI_COMMAND) {
            self.write16(bindings::PCI_COMMAND, command & !master);
        }
    }

    fn read16(&self, offset: u32) -> Option<u16> {
        let mut value = 0;

        // CAST: offsets are `int` in C.
        let offset = offset as c_int;
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
        match unsafe { bindings::pci_read_config_word(self.raw(), offset, &raw mut value) } {
            0 => Some(value),
            _ => None,
        }
    }

    fn write16(&self, offset: u32, value: u16) {
        // CAST: offsets are `int` in C.
        //
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
        unsafe { bindings::pci_write_config_word(self.raw(), offset as c_int, value) };
    }

    fn read32(&self, offset: u32) -> Option<u32> {
        let mut value = 0;

        // CAST: offsets are `int` in C.
        let offset = offset as c_int;
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
        match unsafe { bindings::pci_read_config_dword(self.raw(), offset, &raw mut value) } {
            0 => Some(value),
            _ => None,
        }
    }

    fn write32(&self, offset: u32, value: u32) {
        // CAST: offsets are `int` in C.
        //
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
        unsafe { bindings::pci_write_config_dword(self.raw(), offset as c_int, value) };
    }

    fn acs_ctrl(&self) -> Option<u32> {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
        match unsafe { (*self.raw()).acs_cap } {
            0 => None,
            cap => Some(u32::from(cap) + bindings::PCI_ACS_CTRL),
        }
    }

    fn devctl2(&self) -> u16 {
        let mut value = 0;

        // CAST: offsets are `int` in C.
        let offset = bindings::PCI_EXP_DEVCTL2 as c_int;
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device. What it does
        // not have is read as 0.
        match unsafe { bindings::pcie_capability_read_word(self.raw(), offset, &raw mut value) } {
            0 => value,
            _ => 0,
        }
    }
}

impl Function for &pci::Device {
    fn key(self) -> Key {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device, and a device
        // has a bus for as long as it lives.
        let (domain, bus, devfn) = unsafe {
            (
                bindings::pci_liveupdate_domain(self.raw()),
                (*(*self.raw()).bus).number,
                (*self.raw()).devfn,
            )
        };

        // CAST: a segment is never negative on a bus that exists, and `devfn` has 8 bits.
        Key::new(domain as u32, u16::from_be_bytes([bus, devfn as u8]))
    }

    fn is_bridge(self) -> bool {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
        let header = u32::from(unsafe { (*self.raw()).hdr_type });

        matches!(
            header,
            bindings::PCI_HEADER_TYPE_BRIDGE | bindings::PCI_HEADER_TYPE_CARDBUS
        )
    }

    #[inline]
    fn same(self, other: Self) -> bool {
        ptr::eq(self, other)
    }

    #[inline]
    fn upstream(self) -> Option<Self> {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device, and a device
        // has a bus for as long as it lives. No bridge leads to a root bus.
        let bridge = unsafe { (*(*self.raw()).bus).self_ };

        // SAFETY: A device holds its bus, and a bus the bridge that leads to it, so that the bridge
        // lives at least as long as the borrow of this device. `pci::Device` is a transparent
        // wrapper of `struct pci_dev`.
        unsafe { bridge.cast::<pci::Device>().as_ref() }
    }

    #[inline]
    fn outgoing(self) -> Option<Slot> {
        Slot::from_raw(self.state().outgoing.read())
    }

    #[inline]
    fn set_outgoing(self, slot: Option<Slot>) {
        self.state().outgoing.write(Slot::into_raw(slot));
    }

    #[inline]
    fn incoming(self) -> Option<Slot> {
        Slot::from_raw(self.state().incoming.read())
    }

    #[inline]
    fn set_incoming(self, slot: Option<Slot>) {
        self.state().incoming.write(Slot::into_raw(slot));
    }
}

/// The lower and the upper half of a register.
pub(crate) fn halves(register: u32) -> [u16; 2] {
    let [a, b, c, d] = register.to_le_bytes();

    [u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])]
}

/// Whether this kernel is being replaced.
pub(crate) fn is_jumping() -> bool {
    // SAFETY: Always safe to call.
    unsafe { bindings::pci_liveupdate_jumping() }
}

/// Whether this kernel is about to end, and how.
pub(crate) fn ending() -> Ending {
    // SAFETY: Always safe to call.
    let (handing_over, going_down) = unsafe {
        (
            bindings::pci_liveupdate_handing_over(),
            bindings::pci_liveupdate_going_down(),
        )
    };

    match (is_jumping(), handing_over) {
        (true, true) => Ending::Handover,
        (true, false) => Ending::Kexec,
        (false, _) if going_down => Ending::Off,
        (false, _) => Ending::No,
    }
}

/// The device at that address, if there is one.
pub(crate) fn find(key: Key) -> Option<ARef<pci::Device>> {
    let [bus, devfn] = key.bdf().to_be_bytes();

    // CAST: segments are `int` in C.
    let domain = key.domain() as c_int;
    // SAFETY: Always safe to call.
    let dev = unsafe { bindings::pci_get_domain_bus_and_slot(domain, bus.into(), devfn.into()) };

    // SAFETY: The call above took a reference for us. `pci::Device` is a transparent wrapper.
    NonNull::new(dev.cast()).map(|dev| unsafe { ARef::from_raw(dev) })
}

/// The device after `last` in the list of all devices; the first one after `None`.
#[cfg(CONFIG_DEBUG_FS)]
pub(crate) fn next(last: Option<ARef<pci::Device>>) -> Option<ARef<pci::Device>> {
    /// `PCI_ANY_ID`, which bindgen takes for signed.
    const ANY_ID: c_uint = !0;
    let last = last.map_or(ptr::null_mut(), |last| ARef::into_raw(last).as_ptr());

    // SAFETY: `last` is null, or a valid device with a reference of ours, which the call drops.
    let dev = unsafe { bindings::pci_get_device(ANY_ID, ANY_ID, last.cast()) };

    // SAFETY: The call above took a reference for us. `pci::Device` is a transparent wrapper.
    NonNull::new(dev.cast()).map(|dev| unsafe { ARef::from_raw(dev) })
}

/// How many functions there are.
pub(crate) fn nr_functions() -> usize {
    // SAFETY: Always safe to call. Takes no lock but those of the list of devices.
    let nr = unsafe { bindings::pci_liveupdate_nr_functions() };

    // CAST: `CONFIG_PCI_LIVEUPDATE` depends on `CONFIG_64BIT`.
    nr as usize
}

/// The lock of a device, without which it gets no driver and loses none.
#[must_use = "the device is unlocked once this is dropped"]
pub(crate) struct DeviceLock<'a>(&'a pci::Device, NotThreadSafe);

impl<'a> DeviceLock<'a> {
    /// Takes the lock if it is free. Never waits.
    pub(crate) fn try_lock(dev: &'a pci::Device) -> Option<Self> {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device. The lock is
        // given back in `drop()`, in the same thread.
        let locked = unsafe { bindings::pci_liveupdate_trylock_device(dev.raw()) };

        // Not then_some(): a guard that is made and dropped would unlock for somebody else.
        locked.then(|| Self(dev, NotThreadSafe))
    }

    /// Waits for the lock.
    pub(crate) fn lock(dev: &'a pci::Device) -> Self {
        // SAFETY: As above.
        unsafe { bindings::pci_liveupdate_lock_device(dev.raw()) };
        Self(dev, NotThreadSafe)
    }
}

impl Deref for DeviceLock<'_> {
    type Target = pci::Device;

    fn deref(&self) -> &pci::Device {
        self.0
    }
}

impl Drop for DeviceLock<'_> {
    fn drop(&mut self) {
        // SAFETY: Locked by this thread, since the guard is not `Send`.
        unsafe { bindings::pci_liveupdate_unlock_device(self.0.raw()) };
    }
}
