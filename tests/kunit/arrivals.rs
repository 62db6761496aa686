// SPDX-License-Identifier: GPL-2.0

//! Devices that the previous kernel handed over, from enumeration to finish.

use super::{
    bare::{
        Dev,
        Topology, //
    },
    fixture::Fixture, //
};
use crate::{
    abi::Key,
    core::Handover,
    flb::{
        PciArray,
        PciBlocks, //
    },
    logic::Function, //
};
use core::array;
use kernel::{
    liveupdate::flb::Flb,
    pci,
    prelude::*, //
};

const SEGMENT: u32 = 0x12_0000;

/// A root port, a switch with two downstream ports, an endpoint below each: some bridges are above
/// both endpoints, some above one.
struct Switch {
    topology: Topology,
    bridges: [Dev; 4],
    endpoints: [Dev; 2],
}

impl Switch {
    fn new(domain: u32) -> Result<Self> {
        let mut topology = Topology::with_room(1, 5, 6)?;
        let root = topology.root(domain, 0)?;
        let (port, bus) = topology.bridge(root, 0x08, 1)?;
        let (upstream, bus) = topology.bridge(bus, 0, 2)?;
        let (left, bus_left) = topology.bridge(bus, 0, 3)?;
        let (right, bus_right) = topology.bridge(bus, 0x08, 4)?;
        let endpoints = [
            topology.endpoint(bus_left, 0)?,
            topology.endpoint(bus_right, 0)?,
        ];

        Ok(Self {
            topology,
            bridges: [port, upstream, left, right],
            endpoints,
        })
    }

    fn bridge(&self, nr: usize) -> &pci::Device {
        self.topology.get(self.bridges[nr])
    }

    fn endpoint(&self, nr: usize) -> &pci::Device {
        self.topology.get(self.endpoints[nr])
    }

    /// All devices, in the order in which they are enumerated.
    fn all(&self) -> impl Iterator<Item = &pci::Device> {
        let all = [&self.bridges[..], &self.endpoints[..]];

        all.into_iter().flatten().map(|dev| self.topology.get(*dev))
    }

    /// What a kernel that preserves both endpoints hands over.
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
    fn incoming(&self, core: &Fixture) -> [bool; 6] {
        let mut all = self.all();

        array::from_fn(|_| all.next().is_some_and(|dev| core.is_incoming(dev)))
    }
}

#[kunit_tests(pci_liveupdate_arrivals)]
mod tests {
    use super::*;

    /// Devices are incoming from their enumeration until they are finished, bridges until the last
    /// device below them is finished.
    #[test]
    fn finished_one_by_one() -> Result {
        let core = Fixture::new()?;
        let switch = Switch::new(SEGMENT)?;

        core.start_incoming(&switch.entries())?;
        assert_eq!(switch.incoming(&core), [false; 6]);
        switch.all().for_each(|dev| core.setup_device(dev));
        assert_eq!(switch.incoming(&core), [true; 6]);

        core.finish(switch.endpoint(0));
        assert_eq!(
            switch.incoming(&core),
            [true, true, false, true, false, true]
        );
        assert_eq!(core.incoming_count(switch.bridge(0).key()), 1);
        // A second time changes nothing.
        core.finish(switch.endpoint(0));
        assert_eq!(core.incoming_count(switch.bridge(0).key()), 1);

        core.finish(switch.endpoint(1));
        assert_eq!(switch.incoming(&core), [false; 6]);
        assert_eq!(core.incoming_count(switch.bridge(0).key()), 0);
        Ok(())
    }

    /// The same bus, device and function in another segment is another device.
    #[test]
    fn other_segment() -> Result {
        let core = Fixture::new()?;
        let (here, there) = (Switch::new(SEGMENT)?, Switch::new(SEGMENT + 1)?);

        core.start_incoming(&here.entries())?;
        there.all().for_each(|dev| core.setup_device(dev));
        assert_eq!(there.incoming(&core), [false; 6]);
        here.all().for_each(|dev| core.setup_device(dev));
        assert_eq!(here.incoming(&core), [true; 6]);
        core.finish(there.endpoint(0));
        assert_eq!(core.incoming_count(here.endpoint(0).key()), 1);
        Ok(())
    }

    /// A device that was removed and comes back is incoming again, unless it was finished.
    #[test]
    fn removed_and_back() -> Result {
        let core = Fixture::new()?;
        let switch = Switch::new(SEGMENT)?;
        let dev = switch.endpoint(0);

        core.start_incoming(&switch.entries())?;
        switch.all().for_each(|dev| core.setup_device(dev));
        core.cleanup_device(dev);
        assert!(!core.is_incoming(dev));
        // While it is removed, its driver cannot finish it.
        core.finish(dev);
        assert_eq!(core.incoming_count(dev.key()), 1);

        core.setup_device(dev);
        assert!(core.is_incoming(dev));
        core.finish(dev);
        core.cleanup_device(dev);
        core.setup_device(dev);
        assert!(!core.is_incoming(dev));
        assert_eq!(core.incoming_count(dev.key()), 0);
        Ok(())
    }

    /// If the previous kernel did not hand a bridge over, devices below it can be finished.
    #[test]
    fn bridge_not_handed_over() -> Result {
        let core = Fixture::new()?;
        let switch = Switch::new(SEGMENT)?;
        let entries = switch.entries();

        core.start_incoming(&[entries[0], entries[2], entries[4]])?;
        switch.all().for_each(|dev| core.setup_device(dev));
        let expected = [true, false, true, false, true, false];
        assert_eq!(switch.incoming(&core), expected);
        core.finish(switch.endpoint(0));
        assert_eq!(
            switch.incoming(&core),
            [true, false, false, false, false, false]
        );
        assert_eq!(core.incoming_count(switch.bridge(0).key()), 1);
        Ok(())
    }

    /// A device can be incoming and outgoing. Both are counted on their own.
    #[test]
    fn both_directions() -> Result {
        let core = Fixture::new()?;
        let switch = Switch::new(SEGMENT)?;
        let dev = switch.endpoint(0);
        let port = switch.bridge(0);

        core.start_incoming(&switch.entries())?;
        switch.all().for_each(|dev| core.setup_device(dev));
        core.start_outgoing(8)?;
        core.preserve(dev)?;
        assert_eq!(core.outgoing_count(port.key()), 1);
        assert_eq!(core.incoming_count(port.key()), 2);

        core.finish(dev);
        assert!(!core.is_incoming(dev) && dev.outgoing().is_some());
        assert_eq!(core.outgoing_count(port.key()), 1);
        core.unpreserve(dev);
        assert!(core.is_incoming(port) && port.outgoing().is_none());
        assert_eq!(core.incoming_count(port.key()), 1);
        Ok(())
    }

    /// With the last file, nothing is incoming any more, finished or not.
    #[test]
    fn last_file_finished() -> Result {
        let core = Fixture::new()?;
        let switch = Switch::new(SEGMENT)?;

        core.start_incoming(&switch.entries())?;
        switch.all().for_each(|dev| core.setup_device(dev));
        core.finish(switch.endpoint(1));
        PciArray::finish(());
        assert!(core.handover() == Handover::Nothing);
        assert_eq!(switch.incoming(&core), [false; 6]);
        // It is too late for a driver.
        core.finish(switch.endpoint(0));
        core.setup_device(switch.endpoint(0));
        assert_eq!(switch.incoming(&core), [false; 6]);
        Ok(())
    }

    /// With the last file, a device that is still preserved is dropped from what the next kernel
    /// gets.
    #[test]
    fn last_file_unpreserved() -> Result {
        let core = Fixture::new()?;
        let switch = Switch::new(SEGMENT)?;
        let dev = switch.endpoint(0);

        core.start_outgoing(8)?;
        core.preserve(dev)?;
        PciBlocks::unpreserve(());
        PciArray::unpreserve(());
        assert_eq!(core.nr_outgoing(), None);
        core.unpreserve(dev);
        assert_eq!(core.preserve(dev), Err(ENOENT));
        Ok(())
    }
}
