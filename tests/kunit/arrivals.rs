// SPDX-License-Identifier: GPL-2.0

//! What the previous kernel handed over, and what becomes of it.

use super::{
    bare::{
        Dev,
        Forest, //
    },
    scene, //
};
use crate::{
    abi::Key,
    device::{
        DeviceExt,
        Flag, //
    },
    flb::PciFlb,
    incoming,
    outgoing,
    state::{
        handover,
        Handover, //
    }, //
};
use kernel::{
    liveupdate::flb::Flb,
    pci,
    prelude::*, //
};

const SEGMENT: u32 = 0x12_0000;

/// A root port, a switch with two ports, an endpoint below each: as small as a tree can be that
/// shares bridges and has bridges that are not shared.
struct Switch {
    forest: Forest,
    bridges: [Dev; 4],
    endpoints: [Dev; 2],
}

impl Switch {
    fn new(domain: u32) -> Result<Self> {
        let mut forest = Forest::with_room(1, 5, 6)?;
        let root = forest.root(domain, 0)?;
        let (port, bus) = forest.bridge(root, 0x08, 1)?;
        let (upstream, bus) = forest.bridge(bus, 0, 2)?;
        let (left, bus_left) = forest.bridge(bus, 0, 3)?;
        let (right, bus_right) = forest.bridge(bus, 0x08, 4)?;
        let endpoints = [
            forest.endpoint(bus_left, 0)?,
            forest.endpoint(bus_right, 0)?,
        ];

        Ok(Self {
            forest,
            bridges: [port, upstream, left, right],
            endpoints,
        })
    }

    fn bridge(&self, nr: usize) -> &pci::Device {
        self.forest.get(self.bridges[nr])
    }

    fn endpoint(&self, nr: usize) -> &pci::Device {
        self.forest.get(self.endpoints[nr])
    }

    /// All devices, in the order in which they are enumerated.
    fn all(&self) -> impl Iterator<Item = &pci::Device> {
        let all = [&self.bridges[..], &self.endpoints[..]];

        all.into_iter().flatten().map(|dev| self.forest.get(*dev))
    }

    /// What a kernel that preserves both endpoints leaves.
    fn entries(&self) -> [(Key, u16); 6] {
        [
            (self.bridge(0).key(), 2),
            (self.bridge(1).key(), 2),
            (self.bridge(2).key(), 1),
            (self.bridge(3).key(), 1),
            (self.endpoint(0).key(), 1),
            (self.endpoint(1).key(), 1),
        ]
    }

    /// For each device whether it is incoming.
    fn incoming(&self) -> [bool; 6] {
        let mut all = self.all();

        core::array::from_fn(|_| all.next().is_some_and(incoming::is_incoming))
    }
}

#[kunit_tests(pci_liveupdate_arrivals)]
mod tests {
    use super::*;

    /// Devices are incoming from their enumeration until they are finished, bridges until the last
    /// device below them is.
    #[test]
    fn finished_one_by_one() -> Result {
        let switch = Switch::new(SEGMENT)?;

        scene::begin_incoming(&switch.entries())?;
        assert_eq!(switch.incoming(), [false; 6]);
        switch.all().for_each(incoming::setup);
        assert_eq!(switch.incoming(), [true; 6]);

        incoming::finish(switch.endpoint(0));
        assert_eq!(switch.incoming(), [true, true, false, true, false, true]);
        assert_eq!(scene::incoming_count(switch.bridge(0).key()), 1);
        // Once more is nothing more.
        incoming::finish(switch.endpoint(0));
        assert_eq!(scene::incoming_count(switch.bridge(0).key()), 1);

        incoming::finish(switch.endpoint(1));
        assert_eq!(switch.incoming(), [false; 6]);
        assert_eq!(scene::incoming_count(switch.bridge(0).key()), 0);
        scene::clear();
        Ok(())
    }

    /// The same numbers in another segment are another device.
    #[test]
    fn other_segment() -> Result {
        let (here, there) = (Switch::new(SEGMENT)?, Switch::new(SEGMENT + 1)?);

        scene::begin_incoming(&here.entries())?;
        there.all().for_each(incoming::setup);
        assert_eq!(there.incoming(), [false; 6]);
        here.all().for_each(incoming::setup);
        assert_eq!(here.incoming(), [true; 6]);
        incoming::finish(there.endpoint(0));
        assert_eq!(scene::incoming_count(here.endpoint(0).key()), 1);
        scene::clear();
        Ok(())
    }

    /// A device that comes back is incoming again until it is finished, and not any more after.
    #[test]
    fn removed_and_back() -> Result {
        let switch = Switch::new(SEGMENT)?;
        let dev = switch.endpoint(0);

        scene::begin_incoming(&switch.entries())?;
        switch.all().for_each(incoming::setup);
        incoming::cleanup(dev);
        assert!(!incoming::is_incoming(dev));
        // While it is away, its driver has nothing to finish.
        incoming::finish(dev);
        assert_eq!(scene::incoming_count(dev.key()), 1);

        incoming::setup(dev);
        assert!(incoming::is_incoming(dev));
        incoming::finish(dev);
        incoming::cleanup(dev);
        incoming::setup(dev);
        assert!(!incoming::is_incoming(dev));
        assert_eq!(scene::incoming_count(dev.key()), 0);
        scene::clear();
        Ok(())
    }

    /// The previous kernel forgot a bridge: whoever is below it can be finished all the same.
    #[test]
    fn bridge_not_handed_over() -> Result {
        let switch = Switch::new(SEGMENT)?;
        let entries = switch.entries();

        scene::begin_incoming(&[entries[0], entries[2], entries[4]])?;
        switch.all().for_each(incoming::setup);
        let expected = [true, false, true, false, true, false];
        assert_eq!(switch.incoming(), expected);
        incoming::finish(switch.endpoint(0));
        assert_eq!(switch.incoming(), [true, false, false, false, false, false]);
        assert_eq!(scene::incoming_count(switch.bridge(0).key()), 1);
        scene::clear();
        Ok(())
    }

    /// An update within an update: both directions count on their own.
    #[test]
    fn both_ways() -> Result {
        let switch = Switch::new(SEGMENT)?;
        let dev = switch.endpoint(0);
        let port = switch.bridge(0);

        scene::begin_incoming(&switch.entries())?;
        switch.all().for_each(incoming::setup);
        scene::add_outgoing(8)?;
        outgoing::preserve(dev)?;
        assert_eq!(scene::outgoing_count(port.key()), 1);
        assert_eq!(scene::incoming_count(port.key()), 2);

        incoming::finish(dev);
        assert!(!incoming::is_incoming(dev) && dev.has(Flag::Outgoing));
        assert_eq!(scene::outgoing_count(port.key()), 1);
        outgoing::unpreserve(dev);
        assert!(incoming::is_incoming(port) && !port.has(Flag::Outgoing));
        assert_eq!(scene::incoming_count(port.key()), 1);
        scene::clear();
        Ok(())
    }

    /// When LUO ends the update, nothing is incoming any more, finished or not.
    #[test]
    fn leftovers() -> Result {
        let switch = Switch::new(SEGMENT)?;

        scene::begin_incoming(&switch.entries())?;
        switch.all().for_each(incoming::setup);
        incoming::finish(switch.endpoint(1));
        PciFlb::finish(());
        assert!(handover() == Handover::Nothing);
        assert_eq!(switch.incoming(), [false; 6]);
        // Late drivers are told so.
        incoming::finish(switch.endpoint(0));
        incoming::setup(switch.endpoint(0));
        assert_eq!(switch.incoming(), [false; 6]);
        Ok(())
    }

    /// When LUO drops the last file, a device that was never given back is forgotten, too.
    #[test]
    fn never_given_back() -> Result {
        let switch = Switch::new(SEGMENT)?;
        let dev = switch.endpoint(0);

        scene::begin_outgoing(8)?;
        outgoing::preserve(dev)?;
        PciFlb::unpreserve(());
        assert_eq!(scene::nr_outgoing(), None);
        outgoing::unpreserve(dev);
        assert_eq!(outgoing::preserve(dev), Err(ENOENT));
        Ok(())
    }
}
