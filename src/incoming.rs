// SPDX-License-Identifier: GPL-2.0

//! The way in: what is asked about devices in the new kernel.

use crate::{
    abi::identity::Identity,
    core::{
        Core,
        Handover,
        Incoming, //
    },
    device::DeviceExt,
    fabric::buses::buses_behind,
    logic::{
        Function,
        NotIncoming,
        OtherDevice, //
    },
    report::{
        stats::Event,
        tracepoints, //
    }, //
};
use kernel::{
    pci,
    prelude::*, //
};

impl Core {
    /// Looks up a device that is being enumerated, before anything is written to it.
    #[inline]
    pub(crate) fn setup_device(&self, dev: &pci::Device) {
        dev.keep_identity();
        match self.handover() {
            Handover::Nothing => {}
            Handover::Contained => dev.clear_master(),
            Handover::Devices => self.arrive(dev),
        }
    }

    /// Forgets a device that is being destroyed. An incoming entry waits for it to come back.
    pub(crate) fn cleanup_device(&self, dev: &pci::Device) {
        // Whoever preserves the device right now looks at this below the lock.
        dev.state().removed.write(true);
        self.cleanup_outgoing(dev);
        if let Some(incoming) = self.directions.lock().incoming.as_mut() {
            incoming.depart(dev);
        }
    }

    /// Gives back one count of `dev` and of every bridge above it.
    pub(crate) fn finish(&self, dev: &pci::Device) {
        match self.try_finish(dev) {
            Err(NotIncoming) => {
                dev_warn!(dev, "not incoming, cannot be finished\n");
                self.stats.count(Event::NotIncoming);
                return;
            }
            Ok(0) if self.is_incoming(dev) => {
                dev_info!(dev, "finished, still incoming for devices below it\n");
            }
            Ok(0) => dev_info!(dev, "finished\n"),
            Ok(_) => dev_warn!(dev, "finished, but a bridge above it was not handed over\n"),
        }
        self.stats.count(Event::Finished);
        tracepoints::finish(dev);
    }

    fn try_finish(&self, dev: &pci::Device) -> Result<usize, NotIncoming> {
        match self.directions.lock().incoming.as_mut() {
            Some(incoming) => incoming.finish(dev),
            None => Err(NotIncoming),
        }
    }

    fn arrive(&self, dev: &pci::Device) {
        if dev.is_bridge() {
            self.count_bridge(dev);
        }
        let arrived = match self.directions.lock().incoming.as_mut() {
            Some(incoming) => match incoming.arrive(dev) {
                true => incoming.recognize(dev, &dev.enumerated()).map(Some),
                false => Ok(None),
            },
            None => Ok(None),
        };

        self.stats.count(Event::LookedUp);
        match arrived {
            Ok(Some(expected)) => self.accept(dev, expected.as_ref()),
            Ok(None) => {}
            Err(other) => self.reject(dev, &other),
        }
    }

    /// Takes a device for incoming.
    fn accept(&self, dev: &pci::Device, expected: Option<&Identity>) {
        self.stats.count(Event::Arrived);
        tracepoints::arrive(dev);
        self.note_buses(dev);
        dev_info!(dev, "incoming, preserved by the previous kernel\n");
        if let Some(expected) = expected {
            self.compare(dev, expected);
        }
        if let Some(bridge) = dev.upstream().filter(|bridge| !self.is_incoming(bridge)) {
            let bridge = bridge.key();
            dev_err!(dev, "incoming, but {bridge} above it was not handed over\n");
        }
    }

    /// Stops another device than the one that was preserved: nobody knows what it is doing.
    #[cold]
    fn reject(&self, dev: &pci::Device, other: &OtherDevice) {
        dev.clear_master();
        dev_err!(dev, "not incoming, another device: {other}\n");
        self.stats.count(Event::OtherDevice);
    }

    /// Counts a bridge that is handed over by a kernel which counts none.
    fn count_bridge(&self, bridge: &pci::Device) {
        let counts = |incoming: &Incoming| incoming.counts_bridges();
        if self.directions.lock().incoming.as_ref().is_none_or(counts) {
            return;
        }

        let Some(behind) = buses_behind(bridge) else {
            return;
        };
        let counted = match self.directions.lock().incoming.as_mut() {
            Some(incoming) => incoming.count_bridge(bridge, behind),
            None => Ok(()),
        };
        if counted.is_err() {
            dev_err!(bridge, "no memory to keep it for devices below it\n");
        }
    }
}
