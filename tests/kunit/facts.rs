// SPDX-License-Identifier: GPL-2.0

//! Which devices may be preserved, from what the kernel knows of them.

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
    logic::{
        may_preserve,
        Objection, //
    },
    outgoing, //
};
use kernel::prelude::*;

/// Two endpoints below a root port. The first one is what the tests are about.
fn pair() -> Result<(Forest, Dev, Dev)> {
    let mut forest = Forest::with_room(1, 2, 3)?;
    let root = forest.root(0x12_0000, 0)?;
    let (_, below) = forest.bridge(root, 0x08, 1)?;
    let dev = forest.endpoint(below, 0)?;
    let other = forest.endpoint(below, 1)?;

    Ok((forest, dev, other))
}

#[kunit_tests(pci_liveupdate_facts)]
mod tests {
    use super::*;

    /// Each objection, and what is none. Nothing is counted for whoever meets one.
    #[test]
    fn objections() -> Result {
        type Row = (fn(Dev) -> Option<Trait>, Option<Objection>);
        let table: [Row; 5] = [
            (|_| None, None),
            (|_| Some(Trait::Physical(0)), None),
            (
                |_| Some(Trait::Physical(1)),
                Some(Objection::VirtualsEnabled),
            ),
            (
                |other| Some(Trait::VirtualOf(other)),
                Some(Objection::Virtual),
            ),
            (|_| Some(Trait::AcsQuirk), Some(Objection::AcsQuirk)),
        ];

        for (what, objection) in table {
            let (mut forest, dev, other) = pair()?;
            if let Some(what) = what(other) {
                forest.give(dev, what);
            }
            let dev = forest.get(dev);
            scene::begin_outgoing(8)?;

            assert_eq!(may_preserve(&dev.facts()).err(), objection);
            let expected = objection.map(|_| EINVAL);
            assert_eq!(outgoing::preserve(dev).err(), expected);
            assert_eq!(dev.has(Flag::Outgoing), objection.is_none());
            let counted = if objection.is_none() { 2 } else { 0 };
            assert_eq!(scene::nr_outgoing(), Some(counted));
        }
        scene::clear();
        Ok(())
    }

    /// An ACS quirk of a bridge above counts as well. One of a bridge beside them does not.
    #[test]
    fn acs_quirk_above() -> Result {
        for (quirky, may) in [(0, false), (1, false), (2, true)] {
            let mut forest = Forest::with_room(1, 4, 4)?;
            let root = forest.root(0x12_0000, 0)?;
            let (port, below) = forest.bridge(root, 0x08, 1)?;
            let (switch, lowest) = forest.bridge(below, 0, 2)?;
            let (beside, _) = forest.bridge(root, 0x10, 3)?;
            let dev = forest.endpoint(lowest, 0)?;
            forest.give([port, switch, beside][quirky], Trait::AcsQuirk);
            let dev = forest.get(dev);

            scene::begin_outgoing(8)?;
            let objection = (!may).then_some(Objection::AcsQuirk);
            assert_eq!(may_preserve(&dev.facts()).err(), objection);
            let expected = if may { Ok(()) } else { Err(EINVAL) };
            assert_eq!(outgoing::preserve(dev), expected);
            assert_eq!(dev.has(Flag::Outgoing), may);
            assert_eq!(scene::nr_outgoing(), Some(if may { 3 } else { 0 }));
        }
        scene::clear();
        Ok(())
    }

    /// A frozen device is neither taken nor given back, its neighbour is.
    #[test]
    fn frozen() -> Result {
        let (forest, dev, other) = pair()?;
        let (dev, other) = (forest.get(dev), forest.get(other));

        scene::begin_outgoing(8)?;
        outgoing::preserve(other)?;
        outgoing::freeze(dev);
        outgoing::freeze(other);

        assert_eq!(may_preserve(&dev.facts()), Err(Objection::Frozen));
        assert_eq!(outgoing::preserve(dev), Err(EINVAL));
        outgoing::unpreserve(other);
        assert_eq!(scene::outgoing_count(other.key()), 1);
        assert!(other.has(Flag::Outgoing));
        scene::clear();
        Ok(())
    }

    /// A removed device is refused: nobody would give its counts back.
    #[test]
    fn removed() -> Result {
        let (mut forest, dev, _) = pair()?;

        forest.give(dev, Trait::Removed);
        scene::begin_outgoing(8)?;
        assert_eq!(outgoing::preserve(forest.get(dev)), Err(ENODEV));
        assert_eq!(scene::nr_outgoing(), Some(0));
        scene::clear();
        Ok(())
    }

    /// What the core notes on a device: each on its own, on and off.
    #[test]
    fn flags_do_not_meet() -> Result {
        let flags = [Flag::Incoming, Flag::Outgoing, Flag::Frozen];
        let (forest, dev, other) = pair()?;
        let (dev, other) = (forest.get(dev), forest.get(other));

        for set in 0..8u32 {
            let wanted = |nr: usize| set >> nr & 1 != 0;

            for (nr, flag) in flags.into_iter().enumerate() {
                dev.note(flag, wanted(nr));
            }
            for (nr, flag) in flags.into_iter().enumerate() {
                assert_eq!(dev.has(flag), wanted(nr));
                assert!(!other.has(flag));
            }
            assert!(!dev.is_removed());
        }
        Ok(())
    }

    /// With nothing handed over and no file preserved, everybody hears that.
    #[test]
    fn nothing_there() -> Result {
        let (forest, dev, _) = pair()?;
        let dev = forest.get(dev);

        scene::clear();
        incoming::setup(dev);
        assert!(!incoming::is_incoming(dev));
        incoming::finish(dev);
        assert_eq!(outgoing::preserve(dev), Err(ENOENT));
        outgoing::unpreserve(dev);
        outgoing::cleanup(dev);
        incoming::cleanup(dev);
        assert_eq!(scene::nr_outgoing(), None);
        Ok(())
    }
}
