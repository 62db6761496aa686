// SPDX-License-Identifier: GPL-2.0

//! The way in: what is asked about devices in the new kernel.

use crate::{
    device::{
        function,
        line,
        path,
        DeviceExt,
        Flag, //
    },
    logic::NotIncoming,
    state::{
        handover,
        Handover,
        STATE, //
    },
    stats::{
        self,
        Event, //
    }, //
};
use kernel::{
    pci,
    prelude::*, //
};

pub(crate) use crate::device::is_incoming;

/// Meets a device, before anything is written to it.
pub(crate) fn setup(dev: &pci::Device) {
    match handover() {
        Handover::Nothing => {}
        Handover::Contained => dev.stop_master(),
        Handover::Devices => arrive(dev),
    }
}

/// Gives back one count of `dev` and of every bridge above it.
pub(crate) fn finish(dev: &pci::Device) {
    let event = match take_back(dev) {
        Ok(0) => {
            if is_incoming(dev) {
                dev_info!(
                    dev,
                    "finished, but there are more preserved at or below it\n"
                );
            } else {
                dev_info!(dev, "finished\n");
            }
            Event::Finished
        }
        Ok(_) => {
            dev_warn!(dev, "finished, but a bridge above it was not handed over\n");
            Event::Finished
        }
        Err(NotIncoming) => {
            dev_warn!(dev, "not incoming, so there is nothing to finish\n");
            Event::NotIncoming
        }
    };
    stats::count(event);
}

/// Forgets a device that is being destroyed. Its entry waits for it to come back.
pub(crate) fn cleanup(dev: &pci::Device) {
    if !dev.has(Flag::Incoming) {
        return;
    }
    dev.note(Flag::Incoming, false);
    if let Some(incoming) = STATE.lock().incoming.as_mut() {
        incoming.depart(dev.key());
    }
}

/// Sums up what became of the devices that were handed over, once all are enumerated.
pub(crate) fn report() {
    let state = STATE.lock();
    let Some(incoming) = state.incoming.as_ref() else {
        return;
    };

    let (mut devices, mut found) = (0, 0);
    for (dev, arrival) in incoming.iter() {
        devices += 1;
        if arrival.found {
            found += 1;
        } else {
            pr_warn!("{} was handed over, but is missing\n", dev.key());
        }
    }
    let missing = devices - found;
    pr_info!("{devices} functions handed over, {found} found, {missing} missing\n");
}

/// Takes the counts of `dev` back, and says how many bridges above it had none.
fn take_back(dev: &pci::Device) -> Result<usize, NotIncoming> {
    let path = path(dev);
    let mut state = STATE.lock();

    // A device that was removed has lost its flag, even if another came in its place.
    let incoming = match state.incoming.as_mut() {
        Some(incoming) if dev.has(Flag::Incoming) => incoming,
        _ => return Err(NotIncoming),
    };
    let forgotten = incoming.finish(&path)?;
    line(dev)
        .filter(|dev| !incoming.contains(dev.key()))
        .for_each(|dev| dev.note(Flag::Incoming, false));
    Ok(forgotten)
}

/// Looks a device up, and notes on it what the previous kernel said.
fn arrive(dev: &pci::Device) {
    let function = function(dev);
    let incoming = stats::timed(Event::LookupNanos, || {
        let mut state = STATE.lock();
        let incoming = state.incoming.as_mut();

        incoming.is_some_and(|incoming| incoming.arrive(function))
    });
    stats::count(Event::LookedUp);

    dev.note(Flag::Incoming, incoming);
    if !incoming {
        return;
    }
    stats::count(Event::Arrived);
    dev_info!(dev, "incoming, preserved by the previous kernel\n");
    if let Some(bridge) = dev.upstream().filter(|bridge| !is_incoming(bridge)) {
        dev_err!(
            dev,
            "incoming, but {} above it was not handed over\n",
            bridge.key()
        );
    }
}
