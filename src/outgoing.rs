// SPDX-License-Identifier: GPL-2.0

//! The way out: what drivers ask for in the old kernel.

use crate::{
    buses::hold_still,
    device::{
        is_jumping,
        line,
        path,
        DeviceExt,
        Flag, //
    },
    logic::{
        may_preserve,
        NotPreserved,
        Objection,
        Refused, //
    },
    state::{
        Out,
        STATE, //
    },
    stats::{
        self,
        Event, //
    },
    world, //
};
use kernel::{
    fmt,
    pci,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// Counts `dev` and every bridge above it as preserved.
pub(crate) fn preserve(dev: &pci::Device) -> Result {
    let (event, error) = match may_preserve(&dev.facts()) {
        Err(objection) => {
            dev_err!(dev, "cannot be preserved: {objection}\n");
            (Event::Objected, EINVAL)
        }
        Ok(()) if !world::is_enabled() => (Event::SwitchedOff, EOPNOTSUPP),
        Ok(()) => match take(dev) {
            Ok(()) => {
                stats::count(Event::Preserved);
                return Ok(());
            }
            Err(no) => {
                dev_err!(dev, "cannot be preserved: {no}\n");
                no.counted()
            }
        },
    };

    stats::count(event);
    Err(error)
}

/// Gives back what [`preserve`] counted.
pub(crate) fn unpreserve(dev: &pci::Device) {
    if dev.is_frozen() {
        dev_warn!(dev, "frozen for the next kernel, so it stays preserved\n");
    } else if let Err(NotPreserved) = give_back(dev) {
        dev_warn!(dev, "not preserved, so there is nothing to give back\n");
        stats::count(Event::NotPreserved);
    } else {
        stats::count(Event::Unpreserved);
    }
}

/// Forgets a device that is being destroyed.
pub(crate) fn cleanup(dev: &pci::Device) {
    // Without a look at the flag first: who preserves the device right now sets it below the lock,
    // and has not seen that it was removed.
    if give_back(dev).is_ok() {
        dev_warn!(
            dev,
            "removed while preserved: the next kernel will not know\n"
        );
        stats::count(Event::Removed);
    }
}

/// Ends what changes about a device before the next kernel looks at it.
pub(crate) fn freeze(dev: &pci::Device) {
    let state = STATE.lock();

    dev.note(Flag::Frozen, true);
    if let Some(outgoing) = state.outgoing.as_ref().filter(|_| is_first_jump()) {
        inspect(outgoing);
    }
}

/// Whether this is the first device that is shut down on the way to the next kernel.
fn is_first_jump() -> bool {
    static JUMPING: Atomic<bool> = Atomic::new(false);

    is_jumping() && !JUMPING.xchg(true, Relaxed)
}

/// Looks at the block one last time, as the next kernel will. Returns whether that one takes it.
pub(crate) fn inspect(outgoing: &Out) -> bool {
    let checked = outgoing.check();
    let intact = outgoing.ser().is_intact();

    if let Err(corrupt) = checked {
        pr_emerg!("the next kernel will refuse the handover: {corrupt}\n");
    }
    if !intact {
        pr_emerg!("the next kernel will refuse the handover: its memory has changed size\n");
    }
    checked.is_ok() && intact
}

/// Takes the counts of `dev`.
fn take(dev: &pci::Device) -> Result<(), No> {
    let path = path(dev);
    let mut state = STATE.lock();

    let still = hold_still(&state);
    let outgoing = state.outgoing.as_mut().ok_or(No::Handover)?;
    let _still = still.ok_or(No::Scan)?;
    // Whoever removes or freezes the device does so before it asks for this lock.
    if dev.is_removed() {
        return Err(No::Device);
    }
    if dev.is_frozen() {
        return Err(No::Frozen);
    }
    let taken = outgoing.preserve(&path);
    note(dev, outgoing);
    taken.map_err(No::Refused)
}

/// Takes the counts of `dev` back.
fn give_back(dev: &pci::Device) -> Result<(), NotPreserved> {
    let path = path(dev);
    let mut state = STATE.lock();

    // A device that has come in the place of another has the same path, but not its flag.
    let outgoing = match state.outgoing.as_mut() {
        Some(outgoing) if dev.has(Flag::Outgoing) => outgoing,
        _ => return Err(NotPreserved),
    };
    outgoing.unpreserve(&path)?;
    note(dev, outgoing);
    Ok(())
}

/// Brings the flags of `dev` and the bridges above it in line with the array.
fn note(dev: &pci::Device, outgoing: &Out) {
    line(dev).for_each(|dev| dev.note(Flag::Outgoing, outgoing.contains(dev.key())));
}

/// Why a device that may be preserved is not.
enum No {
    /// Nobody asked LUO to preserve anything.
    Handover,
    /// A scan may be changing bus numbers.
    Scan,
    /// It was removed meanwhile.
    Device,
    /// It was frozen meanwhile.
    Frozen,
    /// There is no way to count it.
    Refused(Refused<Error>),
}

impl fmt::Display for No {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handover => f.write_str("no file that LUO preserves is handed over with devices"),
            Self::Scan => f.write_str("a scan is running, try again"),
            Self::Device => f.write_str("it was removed"),
            Self::Frozen => write!(f, "{}", Objection::Frozen),
            Self::Refused(refused) => write!(f, "{refused}"),
        }
    }
}

impl No {
    /// As what it is counted, and the error for the driver.
    fn counted(&self) -> (Event, Error) {
        match *self {
            Self::Handover => (Event::NoHandover, ENOENT),
            Self::Scan => (Event::Scan, EAGAIN),
            Self::Device => (Event::Objected, ENODEV),
            Self::Frozen => (Event::Objected, EINVAL),
            Self::Refused(Refused::Busy) => (Event::Busy, EBUSY),
            Self::Refused(Refused::Full) => (Event::Full, ENOSPC),
            Self::Refused(Refused::Overflow(_)) => (Event::Overflow, EOVERFLOW),
            Self::Refused(Refused::Index(error)) => (Event::NoMemory, error),
        }
    }
}
