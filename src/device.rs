// SPDX-License-Identifier: GPL-2.0

//! All that the core knows of a `struct pci_dev`.

use crate::{
    abi::Key,
    logic::{
        Facts,
        Function,
        Path,
        Status, //
    },
    state::{
        handover,
        Handover, //
    },
};
use core::{
    iter,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    bindings,
    pci,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        }, //
    }, //
};

const ACS_QUIRK: u32 = bindings::pci_dev_flags_PCI_DEV_FLAGS_ACS_ENABLED_QUIRK;

/// What Live Update notes on a device, as a bit of its `priv_flags`.
///
/// Those bits are changed atomically by everybody, so that hooks may look at them without a lock.
#[derive(Clone, Copy)]
pub(crate) enum Flag {
    /// The previous kernel preserved it, and nobody finished it.
    Incoming,
    /// It, or a device below it, is preserved for the next kernel.
    Outgoing,
    /// Its status is on its way to the next kernel.
    Frozen,
    /// It keeps its bus numbers in the scan that is running.
    Pinned,
    /// Its ACS control bits were remembered.
    Acs,
    /// It was said that a driver was kept from it.
    Unbound,
    /// It was left alone for its bus numbers.
    Refused,
}

impl Flag {
    const fn bit(self) -> u32 {
        match self {
            Self::Incoming => bindings::PCI_DEV_LIVEUPDATE_INCOMING,
            Self::Outgoing => bindings::PCI_DEV_LIVEUPDATE_OUTGOING,
            Self::Frozen => bindings::PCI_DEV_LIVEUPDATE_FROZEN,
            Self::Pinned => bindings::PCI_DEV_LIVEUPDATE_PINNED,
            Self::Acs => bindings::PCI_DEV_LIVEUPDATE_ACS,
            Self::Unbound => bindings::PCI_DEV_LIVEUPDATE_UNBOUND,
            Self::Refused => bindings::PCI_DEV_LIVEUPDATE_REFUSED,
        }
    }
}

/// What the core asks of a device beyond what drivers may.
pub(crate) trait DeviceExt {
    /// The C side of it.
    fn raw(&self) -> *mut bindings::pci_dev;

    /// The name of this function.
    fn key(&self) -> Key;

    /// Whether there can be devices below it.
    fn is_bridge(&self) -> bool;

    /// The bridge that its transactions go through next.
    fn upstream(&self) -> Option<&pci::Device>;

    /// Whether it was taken out of the system.
    fn is_removed(&self) -> bool;

    /// Whether its status is on its way to the next kernel.
    fn is_frozen(&self) -> bool;

    /// Where it comes from and goes to.
    fn status(&self) -> Status;

    /// Whether user space has named its driver.
    fn is_overridden(&self) -> bool;

    /// Whether `flag` is noted on it.
    fn has(&self, flag: Flag) -> bool;

    /// Notes `flag`, or the opposite.
    fn note(&self, flag: Flag, on: bool);

    /// What speaks for and against preserving it.
    fn facts(&self) -> Facts;

    /// Clears Bus Master, whatever anybody else thinks of it.
    fn stop_master(&self);
}

impl DeviceExt for pci::Device {
    fn raw(&self) -> *mut bindings::pci_dev {
        ptr::from_ref(self).cast_mut().cast()
    }

    fn key(&self) -> Key {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device, and a device
        // has a bus for as long as it lives.
        let (domain, bdf) = unsafe {
            (
                bindings::pci_liveupdate_domain(self.raw()),
                bindings::pci_dev_id(self.raw()),
            )
        };

        // CAST: a segment is never negative on a bus that exists.
        Key::new(domain as u32, bdf)
    }

    fn is_bridge(&self) -> bool {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
        unsafe { bindings::pci_liveupdate_is_bridge(self.raw()) }
    }

    fn upstream(&self) -> Option<&pci::Device> {
        // SAFETY: As above.
        let bridge = unsafe { bindings::pci_liveupdate_upstream(self.raw()) };

        // SAFETY: A device holds its bus, and a bus the bridge that leads to it, so that the bridge
        // lives at least as long as the borrow of this device. `pci::Device` is a transparent
        // wrapper of `struct pci_dev`.
        unsafe { bridge.cast::<pci::Device>().as_ref() }
    }

    fn is_removed(&self) -> bool {
        test_bit(self, bindings::PCI_DEV_REMOVED)
    }

    fn is_frozen(&self) -> bool {
        self.has(Flag::Frozen) || is_jumping()
    }

    fn status(&self) -> Status {
        Status {
            incoming: is_incoming(self),
            outgoing: self.has(Flag::Outgoing),
            bridge: self.is_bridge(),
            jumping: is_jumping(),
            handing_over: is_handing_over(),
        }
    }

    fn is_overridden(&self) -> bool {
        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device.
        unsafe { bindings::pci_liveupdate_is_overridden(self.raw()) }
    }

    fn has(&self, flag: Flag) -> bool {
        test_bit(self, flag.bit())
    }

    fn note(&self, flag: Flag, on: bool) {
        let change = if on {
            bindings::set_bit
        } else {
            bindings::clear_bit
        };

        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device; its flags are
        // changed by atomic operations only.
        unsafe { change(flag.bit() as usize, &raw mut (*self.raw()).priv_flags) };
    }

    fn facts(&self) -> Facts {
        let dev = self.raw();

        // SAFETY: By the type invariant of `pci::Device`, `dev` is a valid device.
        let (virtfn, vfs_enabled, proxied, group_shared) = unsafe {
            (
                bindings::pci_liveupdate_is_virtfn(dev),
                bindings::pci_liveupdate_has_vfs(dev),
                bindings::pci_liveupdate_is_proxied(dev),
                bindings::pci_liveupdate_group_shared(dev),
            )
        };

        Facts {
            virtfn,
            vfs_enabled,
            proxied,
            acs_quirk: line(self).any(has_acs_quirk),
            group_shared,
            frozen: self.is_frozen(),
        }
    }

    fn stop_master(&self) {
        let mut command = 0u16;
        let offset = bindings::PCI_COMMAND as c_int;

        // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device, whose bus can
        // be asked for its configuration space.
        unsafe {
            if bindings::pci_read_config_word(self.raw(), offset, &mut command) == 0 {
                command &= !(bindings::PCI_COMMAND_MASTER as u16);
                bindings::pci_write_config_word(self.raw(), offset, command);
            }
        }
    }
}

/// Whether the previous kernel preserved `dev` and nobody finished it.
///
/// A device that was still being set up when the last file was finished keeps its flag, which says
/// nothing any more.
pub(crate) fn is_incoming(dev: &pci::Device) -> bool {
    handover() == Handover::Devices && dev.has(Flag::Incoming)
}

/// Whether this kernel is being left for the next one.
pub(crate) fn is_jumping() -> bool {
    // SAFETY: Always safe to call.
    unsafe { bindings::pci_liveupdate_jumping() }
}

/// Whether the next kernel, to which this one is being left, gets a handover.
fn is_handing_over() -> bool {
    // SAFETY: Always safe to call.
    unsafe { bindings::pci_liveupdate_handing_over() }
}

/// The device of that name, if there is one.
pub(crate) fn find(key: Key) -> Option<ARef<pci::Device>> {
    let [bus, devfn] = key.bdf().to_be_bytes();

    // CAST: segments are `int` in C.
    let domain = key.domain() as c_int;
    // SAFETY: Always safe to call.
    let dev = unsafe { bindings::pci_get_domain_bus_and_slot(domain, bus.into(), devfn.into()) };

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

/// The device and every bridge above it, as devices.
pub(crate) fn line(dev: &pci::Device) -> impl Iterator<Item = &pci::Device> + Clone {
    iter::successors(Some(dev), |dev| dev.upstream())
}

/// The device and every bridge above it, as the logic wants them.
pub(crate) fn path(dev: &pci::Device) -> Path<impl Iterator<Item = Function> + Clone + '_> {
    Path {
        device: function(dev),
        above: line(dev).skip(1).map(function),
    }
}

/// The device as the logic wants it.
pub(crate) fn function(dev: &pci::Device) -> Function {
    Function {
        key: dev.key(),
        bridge: dev.is_bridge(),
    }
}

/// Whether the ACS of `dev` is enabled by a quirk of its own.
fn has_acs_quirk(dev: &pci::Device) -> bool {
    // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device. The quirk has
    // spoken before a driver can bind to it or below it.
    let flags = unsafe { (*dev.raw()).dev_flags };

    u32::from(flags) & ACS_QUIRK != 0
}

fn test_bit(dev: &pci::Device, bit: u32) -> bool {
    // SAFETY: By the type invariant of `pci::Device`, `raw()` is a valid device; its flags are
    // changed by atomic operations only.
    let flags = unsafe { Atomic::from_ptr(&raw mut (*dev.raw()).priv_flags) };

    flags.load(Relaxed) & (1 << bit) != 0
}
