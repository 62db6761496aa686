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
    pci,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// Counts `dev` and every bridge above it as preserved.
pub(crate) fn preserve(dev: &pci::Device) -> Result {
    if let Err(objection) = may_preserve(&dev.facts()) {
        dev_err!(dev, "cannot be preserved: {objection}\n");
        stats::count(Event::Objected);
        return Err(EINVAL);
    }
    if !world::is_enabled() {
        return Err(EOPNOTSUPP);
    }

    match take(dev)? {
        Ok(()) => {
            stats::count(Event::Preserved);
            Ok(())
        }
        Err(refused) => {
            dev_err!(dev, "cannot be preserved: {refused}\n");
            Err(errno(refused))
        }
    }
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
    if dev.has(Flag::Outgoing) && give_back(dev).is_ok() {
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

/// Looks at the block one last time, as the next kernel will.
fn inspect(outgoing: &Out) {
    if let Err(corrupt) = outgoing.check() {
        pr_emerg!("the next kernel will refuse the handover: {corrupt}\n");
    }
    if !outgoing.ser().is_intact() {
        pr_emerg!("the next kernel will refuse the handover: its memory has changed size\n");
    }
}

/// Takes the counts of `dev`.
fn take(dev: &pci::Device) -> Result<Result<(), Refused<Error>>> {
    let path = path(dev);
    let mut state = STATE.lock();
    let _still = hold_still(&state).inspect_err(|_| {
        dev_info!(dev, "cannot be preserved now, during a scan: try again\n");
        stats::count(Event::Scan);
    })?;
    let Some(outgoing) = state.outgoing.as_mut() else {
        stats::count(Event::NoHandover);
        return Err(ENOENT);
    };

    // Whoever removes or freezes the device does so before it asks for this lock.
    if dev.is_removed() {
        return Err(ENODEV);
    }
    if dev.is_frozen() {
        return Err(EINVAL);
    }
    let taken = outgoing.preserve(&path);
    note(dev, outgoing);
    Ok(taken)
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

/// The error for it. Counts it as well.
fn errno(refused: Refused<Error>) -> Error {
    let (event, error) = match refused {
        Refused::Busy => (Event::Busy, EBUSY),
        Refused::Full => (Event::Full, ENOSPC),
        Refused::Overflow(_) => (Event::Overflow, EOVERFLOW),
        Refused::Index(error) => (Event::NoMemory, error),
    };

    stats::count(event);
    error
}
