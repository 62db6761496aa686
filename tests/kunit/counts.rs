// SPDX-License-Identifier: GPL-2.0

//! What drivers preserve, and what the next kernel would read.

use super::{
    bare::{
        Built,
        Dev,
        Shape,
        Topology, //
    },
    filler::{
        leave_room,
        preserve_missing, //
    },
    fixture::Fixture, //
};
use crate::{
    flb::{
        PciArray,
        PciBlocks, //
    },
    logic::{
        Function,
        NotIncoming, //
    }, //
};
use kernel::{
    liveupdate::flb::Flb,
    pci,
    prelude::*, //
};

/// From one device to many, on a root bus and up to seven bridges below it: segments, endpoints in
/// each, functions on a path.
const SHAPES: [(u32, u16, u8); 12] = [
    (1, 1, 1),
    (1, 1, 2),
    (1, 1, 3),
    (1, 1, 4),
    (1, 1, 5),
    (1, 1, 6),
    (1, 1, 7),
    (1, 1, 8),
    (1, 256, 3),
    (8, 32, 5),
    (64, 1, 8),
    (64, 256, 8),
];

/// The numbers below `n`, which is a power of two, each once and out of order.
fn shuffled(n: usize) -> impl Iterator<Item = usize> {
    (0..n).map(move |nr| (nr * 5 + 3) % n)
}

/// How many of the devices have an outgoing slot.
fn nr_slots(built: &Built) -> usize {
    let all = [&built.endpoints, &built.bridges].into_iter().flatten();

    all.filter(|dev| built.topology.get(**dev).outgoing().is_some())
        .count()
}

/// A root port with room for `n` endpoints below.
fn port(n: u8) -> Result<(Topology, Dev, KVVec<Dev>)> {
    let mut topology = Topology::with_room(1, 2, usize::from(n) + 1)?;
    let root = topology.root(0x12_0000, 0)?;
    let (port, below) = topology.bridge(root, 0x08, 1)?;
    let mut endpoints = KVVec::new();

    for devfn in 0..n {
        endpoints.push(topology.endpoint(below, devfn)?, GFP_KERNEL)?;
    }
    Ok((topology, port, endpoints))
}

/// Looks up a device without a line in the log, as there are many.
fn arrive(core: &Fixture, dev: &pci::Device) -> bool {
    let mut directions = core.directions.lock();

    let incoming = directions.incoming.as_mut();
    incoming.is_some_and(|incoming| incoming.arrive(dev))
}

/// Finishes a device in the same way.
fn finish(core: &Fixture, dev: &pci::Device) -> Option<Result<usize, NotIncoming>> {
    let mut directions = core.directions.lock();

    let incoming = directions.incoming.as_mut();
    incoming.map(|incoming| incoming.finish(dev))
}

#[kunit_tests(pci_liveupdate_counts)]
mod tests {
    use super::*;

    /// All devices are preserved and unpreserved, in any order: each function has one entry, then
    /// none.
    #[test]
    fn preserve_and_unpreserve_all() -> Result {
        let core = Fixture::new()?;
        for (segments, endpoints, depth) in SHAPES {
            let shape = Shape {
                segments,
                endpoints,
                depth,
            };
            let built = shape.build()?;
            let all = shape.nr_endpoints() + shape.nr_bridges();
            let get = |nr: usize| built.topology.get(built.endpoints[nr]);

            core.start_outgoing(all)?;
            for nr in shuffled(shape.nr_endpoints()) {
                core.preserve(get(nr))?;
            }
            assert_eq!(core.nr_outgoing(), Some(all));
            assert_eq!(nr_slots(&built), all);
            for nr in shuffled(shape.nr_bridges().min(16)) {
                assert_eq!(core.outgoing_count(shape.bridge_key(nr)), endpoints);
            }
            assert_eq!(core.outgoing_count(shape.endpoint_key(0)), 1);

            for nr in 0..shape.nr_endpoints() {
                core.unpreserve(get(nr));
            }
            assert_eq!(core.nr_outgoing(), Some(0));
            assert_eq!(nr_slots(&built), 0);
        }
        Ok(())
    }

    /// What one kernel preserves is incoming in the next one, until each device is finished.
    #[test]
    fn from_kernel_to_kernel() -> Result {
        let core = Fixture::new()?;

        for (segments, endpoints, depth) in SHAPES {
            let shape = Shape {
                segments,
                endpoints,
                depth,
            };
            let (old, new) = (shape.build()?, shape.build()?);
            let all = shape.nr_endpoints() + shape.nr_bridges();

            core.start_outgoing(all)?;
            for nr in shuffled(shape.nr_endpoints()) {
                core.preserve(old.topology.get(old.endpoints[nr]))?;
            }
            core.jump()?;
            assert_eq!(core.nr_incoming(), all);
            let present = [&new.bridges, &new.endpoints].into_iter().flatten();
            let arrived = present.filter(|dev| arrive(&core, new.topology.get(**dev)));
            assert_eq!(arrived.count(), all);
            for nr in shuffled(shape.nr_endpoints()) {
                let dev = new.topology.get(new.endpoints[nr]);

                assert!(core.is_incoming(dev));
                assert_eq!(finish(&core, dev), Some(Ok(0)));
                assert!(!core.is_incoming(dev));
            }
            assert_eq!(core.nr_incoming(), 0);
            for dev in &new.bridges {
                assert!(!core.is_incoming(new.topology.get(*dev)));
            }
        }
        Ok(())
    }

    /// A bridge counts the devices below it, and has its entry until the last is unpreserved.
    #[test]
    fn shared_bridge() -> Result {
        let core = Fixture::new()?;
        let (topology, port, endpoints) = port(3)?;
        let port = topology.get(port);

        core.start_outgoing(8)?;
        for (count, dev) in (1..).zip(&endpoints) {
            core.preserve(topology.get(*dev))?;
            assert_eq!(core.outgoing_count(port.key()), count);
        }
        for (left, dev) in [2, 1, 0].into_iter().zip(&endpoints) {
            core.unpreserve(topology.get(*dev));
            assert_eq!(core.outgoing_count(port.key()), left);
            assert_eq!(port.outgoing().is_some(), left != 0);
            assert!(topology.get(*dev).outgoing().is_none());
        }
        assert_eq!(core.nr_outgoing(), Some(0));
        Ok(())
    }

    /// A driver can preserve a bridge, once, before or after devices below it.
    #[test]
    fn bridge_preserved_itself() -> Result {
        let core = Fixture::new()?;
        let (topology, port, endpoints) = port(1)?;
        let (port, dev) = (topology.get(port), topology.get(endpoints[0]));

        for [first, second] in [[port, dev], [dev, port]] {
            core.start_outgoing(8)?;
            core.preserve(first)?;
            core.preserve(second)?;
            assert_eq!(core.outgoing_count(port.key()), 2);
            assert_eq!(core.outgoing_count(dev.key()), 1);
            assert_eq!(core.preserve(first), Err(EBUSY));
            assert_eq!(core.preserve(second), Err(EBUSY));
            assert_eq!(core.outgoing_count(port.key()), 2);

            core.unpreserve(first);
            assert_eq!(core.outgoing_count(port.key()), 1);
            assert!(port.outgoing().is_some());
            core.unpreserve(second);
            assert_eq!(core.nr_outgoing(), Some(0));
        }
        Ok(())
    }

    /// If there is no room for the whole path, none of it is counted, wherever the room ends.
    #[test]
    fn full() -> Result {
        let core = Fixture::new()?;
        let shape = Shape {
            segments: 1,
            endpoints: 1,
            depth: 8,
        };
        let built = shape.build()?;
        let dev = built.topology.get(built.endpoints[0]);

        for room in 0..8 {
            core.start_outgoing(1)?;
            let used = leave_room(&core, room)?;
            assert_eq!(core.preserve(dev), Err(ENOSPC));
            assert_eq!(core.nr_outgoing(), Some(used));
            assert_eq!(nr_slots(&built), 0);
        }
        core.start_outgoing(1)?;
        leave_room(&core, 8)?;
        assert_eq!(core.preserve(dev), Ok(()));
        assert_eq!(core.nr_outgoing(), Some(core.capacity()));
        Ok(())
    }

    /// A full table takes no other device, but a bridge that is in it can be counted once more, and
    /// what is unpreserved makes room.
    #[test]
    fn full_but_shared() -> Result {
        let core = Fixture::new()?;
        let (topology, port, endpoints) = port(3)?;
        let get = |nr: usize| topology.get(endpoints[nr]);

        core.start_outgoing(1)?;
        leave_room(&core, 2)?;
        core.preserve(get(0))?;
        assert_eq!(core.preserve(get(1)), Err(ENOSPC));
        assert_eq!(core.preserve(topology.get(port)), Ok(()));
        assert_eq!(core.outgoing_count(topology.get(port).key()), 2);
        core.unpreserve(get(0));
        assert_eq!(core.preserve(get(2)), Ok(()));
        assert_eq!(core.preserve(get(0)), Err(ENOSPC));
        assert_eq!(core.nr_outgoing(), Some(core.capacity()));
        Ok(())
    }

    /// A count ends at 65,535. The device below the bridge gets no entry.
    #[test]
    fn overflow() -> Result {
        let core = Fixture::new()?;
        let (topology, port, endpoints) = port(1)?;
        let (port, dev) = (topology.get(port), topology.get(endpoints[0]));
        let most = usize::from(u16::MAX);

        core.start_outgoing(most + 2)?;
        preserve_missing(&core, most, Some(port))?;
        assert_eq!(core.preserve(dev), Err(EOVERFLOW));
        assert_eq!(core.preserve(port), Err(EOVERFLOW));
        assert_eq!(core.counted("refused_overflow"), Some(2));
        assert_eq!(core.outgoing_count(dev.key()), 0);
        assert!(dev.outgoing().is_none());
        assert_eq!(core.outgoing_count(port.key()), u16::MAX);
        assert_eq!(core.nr_outgoing(), Some(most + 1));
        Ok(())
    }

    /// To unpreserve a device that is not preserved changes nothing.
    #[test]
    fn not_preserved() -> Result {
        let core = Fixture::new()?;
        let (topology, port, endpoints) = port(2)?;
        let get = |nr: usize| topology.get(endpoints[nr]);

        core.start_outgoing(8)?;
        core.preserve(get(0))?;
        // Never preserved, only counted for a device below, unpreserved before.
        core.unpreserve(get(1));
        core.unpreserve(topology.get(port));
        core.preserve(get(1))?;
        core.unpreserve(get(1));
        core.unpreserve(get(1));
        assert_eq!(core.outgoing_count(topology.get(port).key()), 1);
        assert_eq!(core.outgoing_count(get(0).key()), 1);
        assert_eq!(core.nr_outgoing(), Some(2));
        Ok(())
    }

    /// The check before the jump finds a number of entries that the core did not write.
    #[test]
    fn last_check() -> Result {
        let core = Fixture::new()?;
        let (topology, _, endpoints) = port(2)?;
        let nr_devices = core.start_exposed(8)?;

        assert_eq!(core.inspect(), Some(true));
        for nr in [0, 1] {
            core.preserve(topology.get(endpoints[nr]))?;
            assert_eq!(core.inspect(), Some(true));
        }
        for (nr, intact) in [(0, false), (2, false), (4, false), (1000, false), (3, true)] {
            // SAFETY: The table is there until `unpreserve()`. Nobody else accesses it now.
            unsafe { *nr_devices = nr };
            assert_eq!(core.inspect(), Some(intact));
        }
        PciBlocks::unpreserve(());
        assert_eq!(core.inspect(), Some(true));
        PciArray::unpreserve(());
        assert_eq!(core.inspect(), None);
        Ok(())
    }

    /// A device that is removed is unpreserved once, with its path. Another device at the same
    /// address has nothing to unpreserve.
    #[test]
    fn removed() -> Result {
        let core = Fixture::new()?;
        let (topology, bridge, endpoints) = port(2)?;
        let (twin, _, others) = port(2)?;
        let (gone, stays) = (topology.get(endpoints[0]), topology.get(endpoints[1]));

        core.start_outgoing(8)?;
        core.preserve(gone)?;
        core.preserve(stays)?;
        core.unpreserve(twin.get(others[0]));
        core.cleanup_device(twin.get(others[0]));
        assert_eq!(core.nr_outgoing(), Some(3));

        core.cleanup_device(gone);
        core.cleanup_device(gone);
        assert_eq!(core.outgoing_count(gone.key()), 0);
        assert_eq!(core.outgoing_count(stays.key()), 1);
        assert_eq!(core.outgoing_count(topology.get(bridge).key()), 1);
        Ok(())
    }
}
