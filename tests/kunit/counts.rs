// SPDX-License-Identifier: GPL-2.0

//! What drivers ask for, and what the next kernel would read after it.

use super::{
    bare::{
        Dev,
        Forest,
        Grown,
        Shape, //
    },
    scene, //
};
use crate::{
    abi::Key,
    device::{
        DeviceExt,
        Flag, //
    },
    logic::{
        Function,
        Path, //
    },
    outgoing,
    state::STATE, //
};
use core::iter;
use kernel::prelude::*;

/// From one device to as many as a machine has, from the root bus to eight levels below.
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

/// Numbers below `n`, each once, in an order that jumps about. `n` is a power of two.
fn shuffled(n: usize) -> impl Iterator<Item = usize> {
    (0..n).map(move |nr| (nr * 5 + 3) % n)
}

/// How many of the devices are noted as outgoing.
fn nr_noted(grown: &Grown) -> usize {
    let all = [&grown.endpoints, &grown.bridges].into_iter().flatten();

    all.filter(|dev| grown.forest.get(**dev).has(Flag::Outgoing))
        .count()
}

/// A root port with room for `n` endpoints below.
fn port(n: u8) -> Result<(Forest, Dev, KVVec<Dev>)> {
    let mut forest = Forest::with_room(1, 2, usize::from(n) + 1)?;
    let root = forest.root(0x12_0000, 0)?;
    let (port, below) = forest.bridge(root, 0x08, 1)?;
    let mut endpoints = KVVec::new();

    for devfn in 0..n {
        endpoints.push(forest.endpoint(below, devfn)?, GFP_KERNEL)?;
    }
    Ok((forest, port, endpoints))
}

/// Counts devices below `bridge` until it has `count`. They are names only.
fn fill(bridge: Key, count: u16) -> Result {
    let above = Function {
        key: bridge,
        bridge: true,
    };

    for bdf in 0..count {
        let device = Function {
            key: Key::new(bridge.domain() + 1, bdf),
            bridge: false,
        };
        let path = Path {
            device,
            above: iter::once(above),
        };
        let mut state = STATE.lock();
        let outgoing = state.outgoing.as_mut().ok_or(ENOENT)?;

        outgoing.preserve(&path).map_err(|_| EINVAL)?;
    }
    Ok(())
}

#[kunit_tests(pci_liveupdate_counts)]
mod tests {
    use super::*;

    /// Whatever is taken is there, once; whatever is given back is gone, in any order.
    #[test]
    fn everything_taken_is_given_back() -> Result {
        for (segments, endpoints, depth) in SHAPES {
            let shape = Shape {
                segments,
                endpoints,
                depth,
            };
            let grown = shape.grow()?;
            let all = shape.nr_endpoints() + shape.nr_bridges();
            let get = |nr: usize| grown.forest.get(grown.endpoints[nr]);

            // Not one entry more than needed.
            scene::begin_outgoing(all)?;
            for nr in shuffled(shape.nr_endpoints()) {
                outgoing::preserve(get(nr))?;
            }
            assert_eq!(scene::nr_outgoing(), Some(all));
            assert_eq!(nr_noted(&grown), all);
            for nr in shuffled(shape.nr_bridges().min(16)) {
                assert_eq!(scene::outgoing_count(shape.bridge_key(nr)), endpoints);
            }
            assert_eq!(scene::outgoing_count(shape.endpoint_key(0)), 1);

            for nr in 0..shape.nr_endpoints() {
                outgoing::unpreserve(get(nr));
            }
            assert_eq!(scene::nr_outgoing(), Some(0));
            assert_eq!(nr_noted(&grown), 0);
        }
        scene::clear();
        Ok(())
    }

    /// A bridge counts what is below it, and is there until the last of them is gone.
    #[test]
    fn shared_bridge() -> Result {
        let (forest, port, endpoints) = port(3)?;
        let port = forest.get(port);

        scene::begin_outgoing(8)?;
        for (count, dev) in (1..).zip(&endpoints) {
            outgoing::preserve(forest.get(*dev))?;
            assert_eq!(scene::outgoing_count(port.key()), count);
        }
        for (left, dev) in [2, 1, 0].into_iter().zip(&endpoints) {
            outgoing::unpreserve(forest.get(*dev));
            assert_eq!(scene::outgoing_count(port.key()), left);
            assert_eq!(port.has(Flag::Outgoing), left != 0);
            assert!(!forest.get(*dev).has(Flag::Outgoing));
        }
        assert_eq!(scene::nr_outgoing(), Some(0));
        scene::clear();
        Ok(())
    }

    /// A driver may preserve a bridge, once, before or after devices below it.
    #[test]
    fn bridge_preserved_itself() -> Result {
        let (forest, port, endpoints) = port(1)?;
        let (port, dev) = (forest.get(port), forest.get(endpoints[0]));

        for [first, second] in [[port, dev], [dev, port]] {
            scene::begin_outgoing(8)?;
            outgoing::preserve(first)?;
            outgoing::preserve(second)?;
            assert_eq!(scene::outgoing_count(port.key()), 2);
            assert_eq!(scene::outgoing_count(dev.key()), 1);
            assert_eq!(outgoing::preserve(first), Err(EBUSY));
            assert_eq!(outgoing::preserve(second), Err(EBUSY));
            assert_eq!(scene::outgoing_count(port.key()), 2);

            outgoing::unpreserve(first);
            assert_eq!(scene::outgoing_count(port.key()), 1);
            assert!(port.has(Flag::Outgoing));
            outgoing::unpreserve(second);
            assert_eq!(scene::nr_outgoing(), Some(0));
        }
        scene::clear();
        Ok(())
    }

    /// Without room for the whole path, none of it is taken, wherever the room ends.
    #[test]
    fn full() -> Result {
        let shape = Shape {
            segments: 1,
            endpoints: 1,
            depth: 8,
        };
        let grown = shape.grow()?;
        let dev = grown.forest.get(grown.endpoints[0]);

        for room in 0..8 {
            scene::begin_outgoing(room)?;
            assert_eq!(outgoing::preserve(dev), Err(ENOSPC));
            assert_eq!(scene::nr_outgoing(), Some(0));
            assert_eq!(nr_noted(&grown), 0);
        }
        scene::begin_outgoing(8)?;
        assert_eq!(outgoing::preserve(dev), Ok(()));
        scene::clear();
        Ok(())
    }

    /// A full array takes no other device, but a bridge that is in it takes one more count, and
    /// what is given back makes room.
    #[test]
    fn full_but_shared() -> Result {
        let (forest, port, endpoints) = port(3)?;
        let get = |nr: usize| forest.get(endpoints[nr]);

        scene::begin_outgoing(2)?;
        outgoing::preserve(get(0))?;
        assert_eq!(outgoing::preserve(get(1)), Err(ENOSPC));
        assert_eq!(outgoing::preserve(forest.get(port)), Ok(()));
        assert_eq!(scene::outgoing_count(forest.get(port).key()), 2);
        outgoing::unpreserve(get(0));
        assert_eq!(outgoing::preserve(get(2)), Ok(()));
        assert_eq!(outgoing::preserve(get(0)), Err(ENOSPC));
        assert_eq!(scene::nr_outgoing(), Some(2));
        scene::clear();
        Ok(())
    }

    /// At 65,535 a count ends. The device below gets no entry.
    #[test]
    fn overflow() -> Result {
        let (forest, port, endpoints) = port(1)?;
        let (port, dev) = (forest.get(port), forest.get(endpoints[0]));

        scene::begin_outgoing(0x1_0000 + 1)?;
        fill(port.key(), u16::MAX)?;
        assert_eq!(outgoing::preserve(dev), Err(EOVERFLOW));
        assert_eq!(outgoing::preserve(port), Err(EOVERFLOW));
        assert_eq!(scene::outgoing_count(dev.key()), 0);
        assert!(!dev.has(Flag::Outgoing));
        assert_eq!(scene::outgoing_count(port.key()), u16::MAX);
        assert_eq!(scene::nr_outgoing(), Some(0x1_0000));
        scene::clear();
        Ok(())
    }

    /// Giving back what was not taken changes nothing.
    #[test]
    fn not_preserved() -> Result {
        let (forest, port, endpoints) = port(2)?;
        let get = |nr: usize| forest.get(endpoints[nr]);

        scene::begin_outgoing(8)?;
        outgoing::preserve(get(0))?;
        // Never taken, only taken for a device below, taken and given back.
        outgoing::unpreserve(get(1));
        outgoing::unpreserve(forest.get(port));
        outgoing::preserve(get(1))?;
        outgoing::unpreserve(get(1));
        outgoing::unpreserve(get(1));
        assert_eq!(scene::outgoing_count(forest.get(port).key()), 1);
        assert_eq!(scene::outgoing_count(get(0).key()), 1);
        assert_eq!(scene::nr_outgoing(), Some(2));
        scene::clear();
        Ok(())
    }

    /// The last look notices a number of entries that the core did not write.
    #[test]
    fn last_look() -> Result {
        let (forest, _, endpoints) = port(2)?;
        let nr_devices = scene::begin_exposed(8)?;

        assert_eq!(scene::is_sound(), Some(true));
        for nr in [0, 1] {
            outgoing::preserve(forest.get(endpoints[nr]))?;
            assert_eq!(scene::is_sound(), Some(true));
        }
        for (nr, sound) in [(0, false), (2, false), (4, false), (9, false), (3, true)] {
            // SAFETY: The array is there until `clear()`. Nobody else looks at it now.
            unsafe { *nr_devices = nr };
            assert_eq!(scene::is_sound(), Some(sound));
        }
        scene::clear();
        assert_eq!(scene::is_sound(), None);
        Ok(())
    }

    /// A device that is destroyed is given back once, with its path. One that has come in its place
    /// has nothing to give.
    #[test]
    fn destroyed() -> Result {
        let (forest, bridge, endpoints) = port(2)?;
        let (twin, _, others) = port(2)?;
        let (gone, stays) = (forest.get(endpoints[0]), forest.get(endpoints[1]));

        scene::begin_outgoing(8)?;
        outgoing::preserve(gone)?;
        outgoing::preserve(stays)?;
        outgoing::unpreserve(twin.get(others[0]));
        outgoing::cleanup(twin.get(others[0]));
        assert_eq!(scene::nr_outgoing(), Some(3));

        outgoing::cleanup(gone);
        outgoing::cleanup(gone);
        assert_eq!(scene::outgoing_count(gone.key()), 0);
        assert_eq!(scene::outgoing_count(stays.key()), 1);
        assert_eq!(scene::outgoing_count(forest.get(bridge).key()), 1);
        scene::clear();
        Ok(())
    }
}
