// SPDX-License-Identifier: GPL-2.0

//! What C gets to see: the functions that drivers call, their errnos, and what is counted of them.

use super::{
    bare::{
        Dev,
        Forest,
        Trait, //
    },
    scene, //
};
use crate::{
    device::{
        DeviceExt,
        Flag, //
    },
    incoming,
    outgoing,
    stats,
    world, //
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

/// Two endpoints on a root bus.
fn two() -> Result<(Forest, Dev, Dev)> {
    let mut forest = Forest::with_room(1, 1, 2)?;
    let root = forest.root(0x12_0000, 0)?;
    let (dev, other) = (forest.endpoint(root, 0x10)?, forest.endpoint(root, 0x18)?);

    Ok((forest, dev, other))
}

/// How often the event of that name was counted.
fn counted(name: &str) -> u64 {
    stats::iter()
        .find_map(|(event, count)| (event == name).then_some(count))
        .unwrap_or(u64::MAX)
}

/// Whether `work` counts the event of that name, and how often.
fn counts(name: &str, work: impl FnOnce()) -> u64 {
    let before = counted(name);

    work();
    counted(name).wrapping_sub(before)
}

#[kunit_tests(pci_liveupdate_errnos)]
mod tests {
    use super::*;

    /// The errnos of the contract, in the order in which a driver can meet them.
    #[test]
    fn preserve_returns() -> Result {
        let errno = |error: Error| error.to_errno();
        let (mut forest, dev, other) = two()?;

        scene::clear();
        assert_eq!(preserve(forest.get(dev)), errno(ENOENT));
        scene::begin_outgoing(1)?;
        assert_eq!(preserve(forest.get(dev)), 0);
        assert_eq!(preserve(forest.get(dev)), errno(EBUSY));
        assert_eq!(preserve(forest.get(other)), errno(ENOSPC));
        forest.give(other, Trait::Removed);
        assert_eq!(preserve(forest.get(other)), errno(ENODEV));
        forest.give(other, Trait::AcsQuirk);
        assert_eq!(preserve(forest.get(other)), errno(EINVAL));
        scene::clear();
        // What the device is comes before whether anything is preserved at all.
        assert_eq!(preserve(forest.get(other)), errno(EINVAL));
        Ok(())
    }

    /// With Live Update off, no device is preserved, and nothing else happens.
    #[test]
    fn switched_off() -> Result {
        let (mut forest, dev, other) = two()?;
        let off = || preserve(forest.get(dev));

        scene::begin_outgoing(8)?;
        outgoing::preserve(forest.get(other))?;
        world::enable(false);
        assert_eq!(off(), EOPNOTSUPP.to_errno());
        let again = || {
            off();
        };
        assert_eq!(counts("refused_off", again), 1);
        assert!(!forest.get(dev).has(Flag::Outgoing));
        assert_eq!(scene::nr_outgoing(), Some(1));
        // What was preserved before can be given back.
        outgoing::unpreserve(forest.get(other));
        assert_eq!(scene::nr_outgoing(), Some(0));

        // It comes before whether anything is preserved at all, but after what the device is.
        scene::clear();
        world::enable(false);
        assert_eq!(off(), EOPNOTSUPP.to_errno());
        forest.give(dev, Trait::AcsQuirk);
        assert_eq!(preserve(forest.get(dev)), EINVAL.to_errno());
        scene::clear();
        Ok(())
    }

    /// C asks for incoming devices through the same function as drivers in Rust.
    #[test]
    fn incoming_as_c_sees_it() -> Result {
        let (forest, dev, other) = two()?;
        let (dev, other) = (forest.get(dev), forest.get(other));

        scene::begin_incoming(&[(dev.key(), 1)])?;
        incoming::setup(dev);
        incoming::setup(other);
        assert!(is_incoming(dev) && !is_incoming(other));
        // SAFETY: Valid devices.
        unsafe {
            bindings::pci_liveupdate_finish(other.raw());
            bindings::pci_liveupdate_finish(dev.raw());
        }
        assert!(!is_incoming(dev));
        assert_eq!(scene::incoming_count(dev.key()), 0);
        scene::clear();
        Ok(())
    }

    /// Each refusal and each success is counted, once, under its own name.
    #[test]
    fn outgoing_events() -> Result {
        let (mut forest, dev, other) = two()?;
        scene::clear();
        let first = || forest.get(dev);
        let take = || {
            preserve(first());
        };

        assert_eq!(counts("refused_no_handover", take), 1);
        scene::begin_outgoing(1)?;
        assert_eq!(counts("preserved", take), 1);
        assert_eq!(counts("refused_busy", take), 1);
        let second = || {
            preserve(forest.get(other));
        };
        assert_eq!(counts("refused_full", second), 1);
        assert_eq!(counts("unpreserved", || outgoing::unpreserve(first())), 1);
        let again = || outgoing::unpreserve(first());
        assert_eq!(counts("warned_not_preserved", again), 1);
        take();
        let removal = || outgoing::cleanup(first());
        assert_eq!(counts("removed_while_preserved", removal), 1);

        forest.give(dev, Trait::AcsQuirk);
        let quirk = || {
            preserve(forest.get(dev));
        };
        assert_eq!(counts("refused_device", quirk), 1);
        assert_eq!(counts("preserved", quirk), 0);
        scene::clear();
        Ok(())
    }

    /// The same on the way in.
    #[test]
    fn incoming_events() -> Result {
        let (forest, dev, other) = two()?;
        let (dev, other) = (forest.get(dev), forest.get(other));

        scene::begin_incoming(&[(dev.key(), 1)])?;
        assert_eq!(counts("looked_up", || incoming::setup(other)), 1);
        assert_eq!(counts("arrived", || incoming::setup(other)), 0);
        assert_eq!(counts("arrived", || incoming::setup(dev)), 1);
        assert_eq!(counts("warned_not_incoming", || incoming::finish(other)), 1);
        assert_eq!(counts("finished", || incoming::finish(dev)), 1);
        assert_eq!(counts("finished", || incoming::finish(dev)), 0);
        assert!(!dev.has(Flag::Incoming));
        // With nothing handed over, nothing is looked up.
        scene::clear();
        assert_eq!(counts("looked_up", || incoming::setup(dev)), 0);
        Ok(())
    }
}
