// SPDX-License-Identifier: GPL-2.0

//! What a device is called, and what is above it.

use super::bare::{
    Forest,
    Shape, //
};
use crate::{
    abi::Key,
    device::{
        line,
        path,
        DeviceExt, //
    },
    logic::Function, //
};
use core::iter;
use kernel::prelude::*;

/// The path of an endpoint of `shape`, as it should be.
fn expected(shape: &Shape, endpoint: usize) -> impl Iterator<Item = Function> + '_ {
    let above = usize::from(shape.depth) - 1;
    let first = endpoint / usize::from(shape.endpoints) * above;
    let device = Function {
        key: shape.endpoint_key(endpoint),
        bridge: false,
    };
    let bridges = (first..first + above).rev().map(|nr| Function {
        key: shape.bridge_key(nr),
        bridge: true,
    });

    // The prelude has another `chain`.
    Iterator::chain(iter::once(device), bridges)
}

#[kunit_tests(pci_liveupdate_paths)]
mod tests {
    use super::*;

    /// Every depth, several segments: each path is the device and the bridges above it, in order.
    #[test]
    fn paths_lead_to_the_root_port() -> Result {
        for depth in 1..=8 {
            let shape = Shape {
                segments: 3,
                endpoints: 5,
                depth,
            };
            let grown = shape.grow()?;

            for (nr, dev) in grown.endpoints.iter().enumerate() {
                let dev = grown.forest.get(*dev);

                assert_eq!(dev.key(), shape.endpoint_key(nr));
                assert_eq!(line(dev).count(), usize::from(depth));
                assert!(path(dev).iter().eq(expected(&shape, nr)));
            }
            for (nr, dev) in grown.bridges.iter().enumerate() {
                let dev = grown.forest.get(*dev);

                assert!(dev.is_bridge());
                assert_eq!(dev.key(), shape.bridge_key(nr));
            }
        }
        Ok(())
    }

    /// The ends of each number get into the name, and none of them spills into another.
    #[test]
    fn names_keep_all_bits() -> Result {
        for (domain, bus, devfn, index) in [
            (0, 0, 0, 0),
            (0, 0, 0xff, 0xff),
            (0, 0xff, 0, 0xff00),
            (1, 0, 0, 0x1_0000),
            (0xffff, 0xff, 0xff, 0xffff_ffff),
            (0x1_0000, 0, 0, 0x1_0000_0000),
            (0x7fff_ffff, 0x80, 0x01, 0x7fff_ffff_8001),
        ] {
            let mut forest = Forest::with_room(1, 1, 1)?;
            let root = forest.root(domain, bus)?;
            let dev = forest.endpoint(root, devfn)?;
            let key = forest.get(dev).key();

            assert_eq!(key, Key::new(domain, u16::from_be_bytes([bus, devfn])));
            assert_eq!(key.index(), index);
        }
        Ok(())
    }

    /// Nothing is above a device on a root bus, whatever the number of that bus.
    #[test]
    fn root_buses_end_paths() -> Result {
        for number in [0, 1, 0x80, 0xff] {
            let mut forest = Forest::with_room(1, 2, 2)?;
            let root = forest.root(0x12_3456, number)?;
            let (port, below) = forest.bridge(root, 0x10, 0x42)?;
            let dev = forest.endpoint(below, 0)?;

            let above = forest.get(dev).upstream().map(|bridge| bridge.key());
            assert_eq!(above, Some(forest.get(port).key()));
            assert!(forest.get(port).upstream().is_none());
        }
        Ok(())
    }
}
