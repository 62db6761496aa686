// SPDX-License-Identifier: GPL-2.0

//! The address of a device, and the bridges above it.

use super::bare::{
    Shape, //
    Topology,
};
use crate::{
    abi::Key,
    logic::{
        path,
        Function, //
    }, //
};
use core::iter;
use kernel::prelude::*;

/// The path of an endpoint of `shape`, as it should be: each address, and whether it is a bridge.
fn expected(shape: &Shape, endpoint: usize) -> impl Iterator<Item = (Key, bool)> + '_ {
    let above = usize::from(shape.depth) - 1;
    let first = endpoint / usize::from(shape.endpoints) * above;
    let device = (shape.endpoint_key(endpoint), false);
    let bridges = (first..first + above)
        .rev()
        .map(|nr| (shape.bridge_key(nr), true));

    // The prelude has another `chain`.
    Iterator::chain(iter::once(device), bridges)
}

#[kunit_tests(pci_liveupdate_paths)]
mod tests {
    use super::*;

    /// At any depth, in any segment, a path is the device and the bridges above it, in that order.
    #[test]
    fn paths_lead_to_the_root_port() -> Result {
        for depth in 1..=8 {
            let shape = Shape {
                segments: 3,
                endpoints: 5,
                depth,
            };
            let built = shape.build()?;

            for (nr, dev) in built.endpoints.iter().enumerate() {
                let dev = built.topology.get(*dev);

                assert_eq!(dev.key(), shape.endpoint_key(nr));
                assert_eq!(path(dev).count(), usize::from(depth));
                let found = path(dev).map(|function| (function.key(), function.is_bridge()));
                assert!(found.eq(expected(&shape, nr)));
            }
            for (nr, dev) in built.bridges.iter().enumerate() {
                let dev = built.topology.get(*dev);

                assert!(dev.is_bridge());
                assert_eq!(dev.key(), shape.bridge_key(nr));
            }
        }
        Ok(())
    }

    /// The lowest and the highest value of each number are in the key, apart from each other.
    #[test]
    fn keys_have_all_bits() -> Result {
        for (domain, bus, devfn, index) in [
            (0, 0, 0, 0),
            (0, 0, 0xff, 0xff),
            (0, 0xff, 0, 0xff00),
            (1, 0, 0, 0x1_0000),
            (0xffff, 0xff, 0xff, 0xffff_ffff),
            (0x1_0000, 0, 0, 0x1_0000_0000),
            (0x7fff_ffff, 0x80, 0x01, 0x7fff_ffff_8001),
        ] {
            let mut topology = Topology::with_room(1, 1, 1)?;
            let root = topology.root(domain, bus)?;
            let dev = topology.endpoint(root, devfn)?;
            let key = topology.get(dev).key();

            assert_eq!(key, Key::new(domain, u16::from_be_bytes([bus, devfn])));
            assert_eq!(key.index(), index);
        }
        Ok(())
    }

    /// A device on a root bus has no bridge above it, whatever the number of that bus.
    #[test]
    fn root_buses_end_paths() -> Result {
        for number in [0, 1, 0x80, 0xff] {
            let mut topology = Topology::with_room(1, 2, 2)?;
            let root = topology.root(0x12_3456, number)?;
            let (port, below) = topology.bridge(root, 0x10, 0x42)?;
            let dev = topology.endpoint(below, 0)?;

            let above = topology.get(dev).upstream().map(|bridge| bridge.key());
            assert_eq!(above, Some(topology.get(port).key()));
            assert!(topology.get(port).upstream().is_none());
        }
        Ok(())
    }
}
