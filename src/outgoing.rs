// SPDX-License-Identifier: GPL-2.0

//! The way out: what drivers ask for in the old kernel.

use crate::{
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
};
use kernel::{
    liveupdate,
    pci,
    prelude::*, //
};

/// Counts `dev` and every bridge above it as preserved.
pub(crate) fn preserve(dev: &pci::Device) -> Result {
    if let Err(objection) = may_preserve(&dev.facts()) {
        dev_err!(dev, "cannot be preserved: {objection}\n");
        return Err(EINVAL);
    }
    if !liveupdate::is_enabled() {
        return Err(EOPNOTSUPP);
    }

    let path = path(dev);
    let refused = {
        let mut state = STATE.lock();
        let outgoing = state.outgoing.as_mut().ok_or(ENOENT)?;

        // Whoever removes the device looks for it here afterwards, under the same lock.
        if dev.is_removed() {
            return Err(ENODEV);
        }
        let refused = outgoing.preserve(&path);
        note(dev, outgoing);
        refused
    };
    refused.map_err(|refused| complain(dev, refused))
}

/// Gives back what [`preserve`] counted.
pub(crate) fn unpreserve(dev: &pci::Device) {
    if dev.has(Flag::Frozen) || is_jumping() {
        dev_warn!(
            dev,
            "is frozen for the next kernel, so it stays preserved\n"
        );
    } else if let Err(NotPreserved) = give_back(dev) {
        dev_warn!(dev, "is not preserved, so there is nothing to give back\n");
    }
}

/// Forgets a device that is being destroyed.
pub(crate) fn cleanup(dev: &pci::Device) {
    if dev.has(Flag::Outgoing) && give_back(dev).is_ok() {
        dev_warn!(
            dev,
            "removed while preserved: the next kernel will not hear of it\n"
        );
    }
}

/// Ends what changes about a device before the next kernel looks at it.
pub(crate) fn freeze(dev: &pci::Device) {
    dev.note(Flag::Frozen, true);
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

/// Says why `dev` was refused, and returns the error for it.
fn complain(dev: &pci::Device, refused: Refused<Error>) -> Error {
    match refused {
        Refused::Busy => {
            dev_err!(dev, "cannot be preserved: it is preserved already\n");
            EBUSY
        }
        Refused::Full => {
            dev_err!(
                dev,
                "cannot be preserved: the array for the next kernel is full\n"
            );
            ENOSPC
        }
        Refused::Overflow(key) => {
            dev_err!(
                dev,
                "cannot be preserved: {key} has {} preserved devices below it, no more fit\n",
                u16::MAX
            );
            EOVERFLOW
        }
        Refused::Index(error) => error,
    }
}
