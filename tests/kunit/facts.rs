// SPDX-License-Identifier: GPL-2.0

//! Which devices are eligible, from what the kernel knows of them.

use super::{
    bare::{
        Dev,
        Property,
        Topology, //
    },
    fixture::Fixture, //
};
use crate::{
    device::DeviceExt,
    logic::{
        eligible,
        Function,
        Ineligible,
        Slot, //
    }, //
};
use kernel::{
    bindings,
    error::to_result,
    pci,
    prelude::*, //
};

/// Two endpoints below a root port. The first one is what the tests are about.
fn pair() -> Result<(Topology, Dev, Dev)> {
    let mut topology = Topology::with_room(1, 2, 3)?;
    let root = topology.root(0x12_0000, 0)?;
    let (_, below) = topology.bridge(root, 0x08, 1)?;
    let dev = topology.endpoint(below, 0)?;
    let other = topology.endpoint(below, 1)?;

    Ok((topology, dev, other))
}

/// As sriov_enable() does before it enables `nr` Virtual Functions.
fn begin_vfs(dev: &pci::Device, nr: c_int) -> Result {
    // SAFETY: A valid device.
    to_result(unsafe { bindings::pci_liveupdate_begin_vfs(dev.raw(), nr) })
}

/// As it does after that.
fn end_vfs(dev: &pci::Device) {
    // SAFETY: A valid device.
    unsafe { bindings::pci_liveupdate_end_vfs(dev.raw()) };
}

#[kunit_tests(pci_liveupdate_facts)]
mod tests {
    use super::*;

    /// Each property that makes a device ineligible, and one that does not. Nothing is counted for
    /// an ineligible device.
    #[test]
    fn ineligible() -> Result {
        let core = Fixture::new()?;
        type Row = (fn(Dev) -> Option<Property>, Option<Ineligible>);
        let table: [Row; 5] = [
            (|_| None, None),
            (|_| Some(Property::Physfn(0)), None),
            (|_| Some(Property::Physfn(1)), Some(Ineligible::VfsEnabled)),
            (
                |other| Some(Property::VirtfnOf(other)),
                Some(Ineligible::Virtfn),
            ),
            (|_| Some(Property::AcsQuirk), Some(Ineligible::AcsQuirk)),
        ];

        for (what, reason) in table {
            let (mut topology, dev, other) = pair()?;
            if let Some(what) = what(other) {
                topology.set(dev, what)?;
            }
            let dev = topology.get(dev);
            core.start_outgoing(8)?;

            assert_eq!(eligible(&dev.facts()).err(), reason);
            let expected = reason.map(|_| EINVAL);
            assert_eq!(core.preserve(dev).err(), expected);
            assert_eq!(dev.outgoing().is_some(), reason.is_none());
            let counted = if reason.is_none() { 2 } else { 0 };
            assert_eq!(core.nr_outgoing(), Some(counted));
        }
        Ok(())
    }

    /// An ACS quirk of a bridge above makes a device ineligible as well, that of another bridge
    /// does not.
    #[test]
    fn acs_quirk_above() -> Result {
        let core = Fixture::new()?;
        for (quirky, may) in [(0, false), (1, false), (2, true)] {
            let mut topology = Topology::with_room(1, 4, 4)?;
            let root = topology.root(0x12_0000, 0)?;
            let (port, below) = topology.bridge(root, 0x08, 1)?;
            let (switch, lowest) = topology.bridge(below, 0, 2)?;
            let (beside, _) = topology.bridge(root, 0x10, 3)?;
            let dev = topology.endpoint(lowest, 0)?;
            topology.set([port, switch, beside][quirky], Property::AcsQuirk)?;
            for below in [port, switch, dev].into_iter().skip(quirky + 1) {
                core.init_acs(topology.get(below));
            }
            let dev = topology.get(dev);

            core.start_outgoing(8)?;
            let reason = (!may).then_some(Ineligible::AcsQuirk);
            assert_eq!(eligible(&dev.facts()).err(), reason);
            let expected = if may { Ok(()) } else { Err(EINVAL) };
            assert_eq!(core.preserve(dev), expected);
            assert_eq!(dev.outgoing().is_some(), may);
            assert_eq!(core.nr_outgoing(), Some(if may { 3 } else { 0 }));
        }
        Ok(())
    }

    /// Virtual Functions and being live exclude each other, whichever comes first. While they are
    /// being enabled they are not counted yet. To enable none is nothing.
    #[test]
    fn virtual_functions() -> Result {
        let core = Fixture::new()?;
        let (mut topology, dev, _) = pair()?;
        topology.set(dev, Property::Physfn(0))?;
        let dev = topology.get(dev);

        core.start_outgoing(8)?;
        assert_eq!(begin_vfs(dev, 1), Ok(()));
        assert_eq!(core.preserve(dev), Err(EINVAL));
        end_vfs(dev);
        assert_eq!(core.preserve(dev), Ok(()));
        assert_eq!(begin_vfs(dev, 1), Err(EBUSY));
        assert_eq!(begin_vfs(dev, 0), Ok(()));
        core.unpreserve(dev);
        assert_eq!(begin_vfs(dev, 1), Ok(()));
        end_vfs(dev);

        core.start_incoming(&[(dev.key(), 1)])?;
        core.setup_device(dev);
        assert_eq!(begin_vfs(dev, 1), Err(EBUSY));
        core.finish(dev);
        assert_eq!(begin_vfs(dev, 1), Ok(()));
        end_vfs(dev);
        Ok(())
    }

    /// A frozen device can be neither preserved nor unpreserved.
    #[test]
    fn frozen() -> Result {
        let core = Fixture::new()?;
        let (topology, dev, other) = pair()?;
        let (dev, other) = (topology.get(dev), topology.get(other));

        core.start_outgoing(8)?;
        core.preserve(other)?;
        core.freeze_device(dev);
        core.freeze_device(other);

        assert_eq!(eligible(&dev.facts()), Err(Ineligible::Frozen));
        assert_eq!(core.preserve(dev), Err(EINVAL));
        core.unpreserve(other);
        assert_eq!(core.outgoing_count(other.key()), 1);
        assert!(other.outgoing().is_some());
        Ok(())
    }

    /// A removed device cannot be preserved: nothing would unpreserve it.
    #[test]
    fn removed() -> Result {
        let core = Fixture::new()?;
        let (topology, dev, _) = pair()?;
        let dev = topology.get(dev);

        core.start_outgoing(8)?;
        core.cleanup_device(dev);
        assert_eq!(core.preserve(dev), Err(ENODEV));
        assert!(dev.outgoing().is_none());
        assert_eq!(core.nr_outgoing(), Some(0));
        Ok(())
    }

    /// The slots of a device, each on its own, up to the highest number. A new device has none.
    #[test]
    fn slots() -> Result {
        let (topology, dev, other) = pair()?;
        let (dev, other) = (topology.get(dev), topology.get(other));
        let all = [None, Slot::of(0), Slot::of(1), Slot::of(u32::MAX - 1)];

        assert!(Slot::of(u32::MAX).is_none());
        assert_eq!((dev.outgoing(), dev.incoming()), (None, None));
        for outgoing in all {
            for incoming in all {
                dev.set_outgoing(outgoing);
                dev.set_incoming(incoming);
                assert_eq!((dev.outgoing(), dev.incoming()), (outgoing, incoming));
                assert_eq!((other.outgoing(), other.incoming()), (None, None));
            }
        }
        Ok(())
    }

    /// Nothing was handed over and no file is preserved.
    #[test]
    fn no_live_update() -> Result {
        let core = Fixture::new()?;
        let (topology, dev, _) = pair()?;
        let dev = topology.get(dev);

        core.setup_device(dev);
        assert!(!core.is_incoming(dev));
        core.finish(dev);
        assert_eq!(core.preserve(dev), Err(ENOENT));
        core.unpreserve(dev);
        core.cleanup_device(dev);
        assert_eq!(core.nr_outgoing(), None);
        Ok(())
    }
}
