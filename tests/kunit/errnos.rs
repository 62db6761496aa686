// SPDX-License-Identifier: GPL-2.0

//! The functions that drivers call from C, what they return, and what is counted.

use super::{
    bare::{
        Dev,
        Property,
        Topology, //
    },
    filler::leave_room,
    fixture::Fixture, //
};
use crate::{
    device::DeviceExt,
    logic::Function, //
};
use kernel::{
    bindings,
    pci,
    prelude::*, //
};

/// `pci_liveupdate_preserve()`, as a driver in C calls it.
fn preserve(dev: &pci::Device) -> c_int {
    // SAFETY: A valid device.
    unsafe { bindings::pci_liveupdate_preserve(dev.raw()) }
}

/// `pci_liveupdate_is_incoming()`, as a driver in C calls it.
fn is_incoming(dev: &pci::Device) -> bool {
    // SAFETY: A valid device.
    unsafe { bindings::pci_liveupdate_is_incoming(dev.raw()) }
}

/// `pci_liveupdate_unpreserve()`, as a driver in C calls it.
fn unpreserve(dev: &pci::Device) {
    // SAFETY: A valid device.
    unsafe { bindings::pci_liveupdate_unpreserve(dev.raw()) };
}

/// `pci_liveupdate_finish()`, as a driver in C calls it.
fn finish(dev: &pci::Device) {
    // SAFETY: A valid device.
    unsafe { bindings::pci_liveupdate_finish(dev.raw()) };
}

/// Two endpoints on a root bus.
fn two() -> Result<(Topology, Dev, Dev)> {
    let mut topology = Topology::with_room(1, 1, 2)?;
    let root = topology.root(0x12_0000, 0)?;
    let (dev, other) = (
        topology.endpoint(root, 0x10)?,
        topology.endpoint(root, 0x18)?,
    );

    Ok((topology, dev, other))
}

/// How often `work` counts the event of that name.
fn counts(core: &Fixture, name: &str, work: impl FnOnce()) -> Option<u64> {
    let before = core.counted(name)?;

    work();
    core.counted(name)?.checked_sub(before)
}

#[kunit_tests(pci_liveupdate_errnos)]
mod tests {
    use super::*;

    /// The errors that are documented for drivers, in the order in which they are checked for.
    #[test]
    fn preserve_returns() -> Result {
        let core = Fixture::new()?;
        let errno = |error: Error| error.to_errno();
        let (mut topology, dev, other) = two()?;

        assert_eq!(preserve(topology.get(dev)), errno(ENOENT));
        core.start_outgoing(1)?;
        leave_room(&core, 1)?;
        assert_eq!(preserve(topology.get(dev)), 0);
        assert_eq!(preserve(topology.get(dev)), errno(EBUSY));
        assert_eq!(preserve(topology.get(other)), errno(ENOSPC));
        core.cleanup_device(topology.get(other));
        assert_eq!(preserve(topology.get(other)), errno(ENODEV));
        topology.set(other, Property::AcsQuirk)?;
        assert_eq!(preserve(topology.get(other)), errno(EINVAL));
        core.end_outgoing();
        // Whether a device is eligible is checked before whether a file is being preserved.
        assert_eq!(preserve(topology.get(other)), errno(EINVAL));
        Ok(())
    }

    /// With Live Update off, no device is preserved. Whether it is eligible is checked first.
    #[test]
    fn switched_off() -> Result {
        let core = Fixture::switched_off()?;
        let (mut topology, dev, _) = two()?;

        assert_eq!(preserve(topology.get(dev)), EOPNOTSUPP.to_errno());
        let again = || {
            preserve(topology.get(dev));
        };
        assert_eq!(counts(&core, "refused_off", again), Some(1));
        assert!(topology.get(dev).outgoing().is_none());
        topology.set(dev, Property::AcsQuirk)?;
        assert_eq!(preserve(topology.get(dev)), EINVAL.to_errno());
        Ok(())
    }

    /// Drivers in C see what was preserved, unpreserved, is incoming and is finished.
    #[test]
    fn exported_functions() -> Result {
        let core = Fixture::new()?;
        let (topology, dev, other) = two()?;
        let (dev, other) = (topology.get(dev), topology.get(other));

        core.start_incoming(&[(dev.key(), 1)])?;
        core.setup_device(dev);
        core.setup_device(other);
        assert!(is_incoming(dev) && !is_incoming(other));
        finish(other);
        finish(dev);
        assert!(!is_incoming(dev));
        assert_eq!(core.incoming_count(dev.key()), 0);

        core.start_outgoing(1)?;
        assert_eq!(preserve(other), 0);
        assert_eq!(core.outgoing_count(other.key()), 1);
        unpreserve(other);
        assert_eq!(core.nr_outgoing(), Some(0));
        Ok(())
    }

    /// Each success and each error is counted once, under a name of its own.
    #[test]
    fn outgoing_events() -> Result {
        let core = Fixture::new()?;
        let counts = |name, work: &dyn Fn()| counts(&core, name, work);
        let (mut topology, dev, other) = two()?;
        let (first, second) = (topology.get(dev), topology.get(other));
        let take = || {
            preserve(first);
        };

        assert_eq!(counts("refused_no_handover", &take), Some(1));
        core.start_outgoing(1)?;
        leave_room(&core, 1)?;
        assert_eq!(counts("preserved", &take), Some(1));
        assert_eq!(counts("refused_busy", &take), Some(1));
        let take_second = || {
            preserve(second);
        };
        assert_eq!(counts("refused_full", &take_second), Some(1));
        assert_eq!(counts("unpreserved", &|| unpreserve(first)), Some(1));
        assert_eq!(
            counts("warned_not_preserved", &|| unpreserve(first)),
            Some(1)
        );
        take();
        let removal = || core.cleanup_device(first);
        assert_eq!(counts("removed_while_preserved", &removal), Some(1));
        assert_eq!(counts("refused_device", &take), Some(1));

        topology.set(other, Property::AcsQuirk)?;
        let quirk = || {
            preserve(topology.get(other));
        };
        assert_eq!(counts("refused_device", &quirk), Some(1));
        assert_eq!(counts("preserved", &quirk), Some(0));
        Ok(())
    }

    /// The same for incoming devices.
    #[test]
    fn incoming_events() -> Result {
        let core = Fixture::new()?;
        let counts = |name, work: &dyn Fn()| counts(&core, name, work);
        let (topology, dev, other) = two()?;
        let (dev, other) = (topology.get(dev), topology.get(other));

        core.start_incoming(&[(dev.key(), 1)])?;
        assert_eq!(counts("looked_up", &|| core.setup_device(other)), Some(1));
        assert_eq!(counts("arrived", &|| core.setup_device(other)), Some(0));
        assert_eq!(counts("arrived", &|| core.setup_device(dev)), Some(1));
        assert_eq!(counts("warned_not_incoming", &|| finish(other)), Some(1));
        assert_eq!(counts("finished", &|| finish(dev)), Some(1));
        assert_eq!(counts("finished", &|| finish(dev)), Some(0));
        assert!(dev.incoming().is_none());
        // A file that is finished last, with a device that is not.
        core.start_incoming(&[(other.key(), 1)])?;
        assert_eq!(counts("never_finished", &|| core.finish_list()), Some(1));
        // Nothing is looked up when nothing was handed over.
        assert_eq!(counts("looked_up", &|| core.setup_device(dev)), Some(0));
        Ok(())
    }
}
