// SPDX-License-Identifier: GPL-2.0

//! The way out: what drivers ask for in the old kernel.

use crate::{
    core::{
        Core,
        Directions,
        Outgoing,
        Tables, //
    },
    device::{
        is_jumping,
        DeviceExt, //
    },
    fabric::buses::{
        is_path_counted,
        nr_new_bridges,
        Still, //
    },
    logic::{
        eligible,
        Ineligible,
        NotPreserved,
        Refused,
        Unscannable, //
    },
    report::{
        stats::Event,
        tracepoints, //
    }, //
};
use kernel::{
    fmt,
    kho,
    pci,
    prelude::*,
    sync::atomic::Relaxed, //
};

impl Core {
    /// Counts `dev` and every bridge above it as preserved.
    pub(crate) fn preserve(&self, dev: &pci::Device) -> Result {
        match self.try_preserve(dev) {
            Ok(()) => {
                self.stats.count(Event::Preserved);
                tracepoints::preserve(dev);
                Ok(())
            }
            Err(why) => {
                let (event, error) = why.outcome();
                dev_err!(dev, "cannot be preserved: {why}\n");
                self.stats.count(event);
                tracepoints::refuse(dev, error);
                Err(error)
            }
        }
    }

    /// Tells whether [`preserve`](Self::preserve) would find anything wrong with `dev` itself.
    #[cfg(CONFIG_DEBUG_FS)]
    pub(crate) fn can_preserve(&self, dev: &pci::Device) -> Result<(), NoPreserve> {
        if !(self.is_enabled)() {
            return Err(NoPreserve::Off);
        }
        eligible(&dev.facts()).map_err(NoPreserve::Ineligible)?;

        let still = self.hold_still(dev);
        if matches!(still, Still::Scanned) {
            return Err(NoPreserve::Scan);
        }
        self.judge_path(dev).map_err(NoPreserve::Unscannable)?;
        Ok(())
    }

    /// Gives back what [`preserve`](Self::preserve) counted.
    pub(crate) fn unpreserve(&self, dev: &pci::Device) {
        if dev.is_frozen() {
            dev_warn!(dev, "frozen for the next kernel, stays preserved\n");
        } else if let Err(NotPreserved) = self.try_unpreserve(dev) {
            dev_warn!(dev, "not preserved, cannot be unpreserved\n");
            self.stats.count(Event::NotPreserved);
        } else {
            self.stats.count(Event::Unpreserved);
            tracepoints::unpreserve(dev);
        }
    }

    /// Forgets an outgoing device that is being destroyed.
    pub(crate) fn cleanup_outgoing(&self, dev: &pci::Device) {
        if self.try_unpreserve(dev).is_ok() {
            dev_warn!(
                dev,
                "removed while preserved; the next kernel will not know it\n"
            );
            self.stats.count(Event::Removed);
            tracepoints::unpreserve(dev);
            self.forget_gone();
        }
    }

    /// Settles what the next kernel gets about a device.
    pub(crate) fn freeze_device(&self, dev: &pci::Device) {
        let directions = self.directions.lock();

        dev.state().frozen.write(true);
        if !is_jumping() || self.inspected.xchg(true, Relaxed) {
            return;
        }
        if let Some(outgoing) = directions.outgoing.as_ref() {
            inspect(outgoing);
        }
    }

    fn try_preserve(&self, dev: &pci::Device) -> Result<(), NoPreserve> {
        eligible(&dev.facts()).map_err(NoPreserve::Ineligible)?;

        // Anew if somebody has given back entries of bridges meanwhile.
        loop {
            let still = self.hold_still(dev);
            let judged = match still {
                Still::Counted => 0,
                Still::Scanned if self.directions.lock().outgoing.is_some() => {
                    return Err(NoPreserve::Scan);
                }
                _ => self.judge_path(dev).map_err(NoPreserve::Unscannable)?,
            };
            if self.take(dev, judged, &still)? {
                return Ok(());
            }
        }
    }

    /// Counts `dev`, if no more than the lowest `judged` bridges of its path need an entry, and
    /// these still have the numbers that they had.
    fn take(&self, dev: &pci::Device, judged: usize, still: &Still) -> Result<bool, NoPreserve> {
        let mut directions = self.directions.lock();
        let late = dev.late_facts();
        let sleeping = directions.sleeping.is_any() || late.sleeping;
        let moved = matches!(still, Still::Pinned) && !self.is_pinned(&directions);
        let Some(outgoing) = directions.outgoing.as_mut() else {
            return Err(self.no_outgoing());
        };
        // Whoever removes the device does so before it asks for this lock, whoever freezes it holds
        // it.
        if dev.state().removed.read() {
            return Err(NoPreserve::Removed);
        }
        if late.frozen {
            return Err(NoPreserve::Ineligible(Ineligible::Frozen));
        }
        if sleeping {
            return Err(NoPreserve::Sleep);
        }
        if late.vfs_enabled {
            return Err(NoPreserve::Ineligible(Ineligible::VfsEnabled));
        }
        if !is_path_counted(dev) && (moved || nr_new_bridges(dev) > judged) {
            return Ok(false);
        }
        outgoing.preserve(dev).map_err(NoPreserve::Refused)?;
        Ok(true)
    }

    fn try_unpreserve(&self, dev: &pci::Device) -> Result<(), NotPreserved> {
        match self.directions.lock().outgoing.as_mut() {
            Some(outgoing) => outgoing.unpreserve(dev),
            None => Err(NotPreserved),
        }
    }

    fn no_outgoing(&self) -> NoPreserve {
        match (self.is_enabled)() {
            true => NoPreserve::NoOutgoing,
            false => NoPreserve::Off,
        }
    }
}

impl Directions {
    /// Whether any device is outgoing or incoming.
    pub(crate) fn is_any_live(&self) -> bool {
        let outgoing = self.outgoing.as_ref().map_or(0, Outgoing::nr_own) != 0;
        let incoming = self.incoming.as_ref();

        outgoing || incoming.is_some_and(|incoming| !incoming.is_finished())
    }
}

/// Checks the tables one last time, as the next kernel will. Returns whether that one takes it.
pub(crate) fn inspect(outgoing: &Outgoing) -> bool {
    let checked = outgoing.table().check();
    let intact = is_intact(outgoing.table());

    if let Err(bad) = checked {
        pr_emerg!("the next kernel will refuse the handover: {bad}\n");
    }
    if !intact {
        pr_emerg!("the next kernel will refuse the handover: its memory has changed size\n");
    }
    checked.is_ok() && intact
}

/// Whether all memory is still what was preserved.
fn is_intact(tables: &Tables) -> bool {
    let array = tables.array.as_ref();
    let blocks = tables.blocks.as_ref();

    array.is_none_or(|array| array.memory().is_intact())
        && blocks.is_none_or(|blocks| {
            blocks.head().is_intact() && blocks.pages().iter().all(kho::Folio::is_intact)
        })
}

/// Why a device is not preserved.
pub(crate) enum NoPreserve {
    /// The device cannot be.
    Ineligible(Ineligible),
    /// The next kernel would not come to it.
    Unscannable(Unscannable),
    /// Live Update is switched off.
    Off,
    /// No file is being preserved.
    NoOutgoing,
    /// A scan may be changing bus numbers.
    Scan,
    /// It was removed meanwhile.
    Removed,
    /// Devices may be suspended.
    Sleep,
    /// It cannot be counted.
    Refused(Refused),
}

impl fmt::Display for NoPreserve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ineligible(ineligible) => write!(f, "{ineligible}"),
            Self::Unscannable(bridge) => write!(f, "{bridge}"),
            Self::Off => f.write_str("Live Update is off (liveupdate=)"),
            Self::NoOutgoing => f.write_str("no file of its driver is being preserved"),
            Self::Scan => f.write_str("a PCI scan is running, try again"),
            Self::Removed => f.write_str("the device was removed"),
            Self::Sleep => f.write_str("the system is being suspended, try again"),
            Self::Refused(refused) => write!(f, "{refused}"),
        }
    }
}

impl NoPreserve {
    /// As what it is counted, and the error for the driver.
    fn outcome(&self) -> (Event, Error) {
        match *self {
            Self::Ineligible(_) | Self::Unscannable(_) => (Event::Ineligible, EINVAL),
            Self::Off => (Event::Off, EOPNOTSUPP),
            Self::NoOutgoing => (Event::NoOutgoing, ENOENT),
            Self::Scan => (Event::Scan, EAGAIN),
            Self::Sleep => (Event::Ineligible, EAGAIN),
            Self::Removed => (Event::Ineligible, ENODEV),
            Self::Refused(Refused::Busy) => (Event::Busy, EBUSY),
            Self::Refused(Refused::Full) => (Event::Full, ENOSPC),
            Self::Refused(Refused::Overflow(_)) => (Event::Overflow, EOVERFLOW),
        }
    }
}
