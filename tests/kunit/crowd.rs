// SPDX-License-Identifier: GPL-2.0

//! The hooks with hundreds of devices in several segments.

use super::{
    config::{
        Config,
        Numbers, //
    },
    fake_bus::FakeBus,
    hardware::Function,
    scene, //
};
use crate::{
    abi::Key,
    device::{
        DeviceExt,
        Flag, //
    },
    incoming,
    outgoing, //
};
use kernel::prelude::*;

const BRIDGES: u8 = 8;
/// Below each bridge, in slots with all eight functions.
const ENDPOINTS: u8 = 16;

/// A segment full of devices.
struct Crowd {
    fake: Pin<KBox<FakeBus>>,
    bridges: KVec<Function>,
    endpoints: KVec<Function>,
}

impl Crowd {
    fn new() -> Result<Self> {
        let mut crowd = Self {
            fake: FakeBus::new()?,
            bridges: KVec::new(),
            endpoints: KVec::new(),
        };

        for nr in 1..=BRIDGES {
            let config = Config::bridge(Numbers(nr, nr))?;
            let bridge = crowd.fake.plug(None, nr << 3, config)?;
            crowd.bridges.push(bridge, GFP_KERNEL)?;
            for devfn in 0..ENDPOINTS {
                let config = Config::endpoint()?;
                let endpoint = crowd.fake.plug(Some(bridge), devfn, config)?;
                crowd.endpoints.push(endpoint, GFP_KERNEL)?;
            }
        }
        Ok(crowd)
    }

    /// How many of its functions there can be in an array.
    const fn nr_functions() -> usize {
        BRIDGES as usize * (1 + ENDPOINTS as usize)
    }

    /// All functions, as a kernel that preserves all endpoints hands them over.
    fn add_entries(&self, entries: &mut KVec<(Key, u16)>) -> Result {
        for (functions, count) in [(&self.bridges, ENDPOINTS), (&self.endpoints, 1)] {
            for function in functions {
                let key = self.fake.key(*function).ok_or(EINVAL)?;
                entries.push((key, count.into()), GFP_KERNEL)?;
            }
        }
        Ok(())
    }

    /// How many functions are noted with `flag`.
    fn nr_noted(&self, flag: Flag) -> usize {
        [&self.bridges, &self.endpoints]
            .into_iter()
            .flatten()
            .filter_map(|function| self.fake.device(*function))
            .filter(|dev| dev.has(flag))
            .count()
    }
}

#[kunit_tests(pci_liveupdate_crowd)]
mod tests {
    use super::*;

    /// Every second segment comes from the previous kernel: all of those arrive, and none else.
    /// Finished, none is left.
    #[test]
    fn all_arrive() -> Result {
        let crowds = [Crowd::new()?, Crowd::new()?, Crowd::new()?, Crowd::new()?];
        let [first, incoming, third, too] = &crowds;
        let mut entries = KVec::new();

        incoming.add_entries(&mut entries)?;
        too.add_entries(&mut entries)?;
        scene::begin_incoming(&entries)?;
        for crowd in &crowds {
            crowd.fake.scan()?;
        }
        for (crowd, expected) in [
            (first, 0),
            (incoming, Crowd::nr_functions()),
            (third, 0),
            (too, Crowd::nr_functions()),
        ] {
            assert_eq!(crowd.nr_noted(Flag::Incoming), expected);
        }

        for function in &incoming.endpoints {
            let dev = incoming.fake.device(*function).ok_or(ENODEV)?;
            incoming::finish(&dev);
        }
        assert_eq!(incoming.nr_noted(Flag::Incoming), 0);
        assert_eq!(too.nr_noted(Flag::Incoming), Crowd::nr_functions());
        scene::clear();
        Ok(())
    }

    /// All are preserved, and removed bridge by bridge: what is left is always what is there.
    #[test]
    fn all_leave() -> Result {
        let crowds = [Crowd::new()?, Crowd::new()?];
        let mut left = crowds.len() * Crowd::nr_functions();

        scene::begin_outgoing(left)?;
        for crowd in &crowds {
            crowd.fake.scan()?;
            for function in &crowd.endpoints {
                let dev = crowd.fake.device(*function).ok_or(ENODEV)?;
                outgoing::preserve(&dev)?;
            }
        }
        assert_eq!(scene::nr_outgoing(), Some(left));
        for crowd in &crowds {
            assert_eq!(crowd.nr_noted(Flag::Outgoing), Crowd::nr_functions());
            for bridge in &crowd.bridges {
                let dev = crowd.fake.device(*bridge).ok_or(ENODEV)?;
                assert_eq!(scene::outgoing_count(dev.key()), ENDPOINTS.into());
                crowd.fake.remove(dev);
                left -= 1 + usize::from(ENDPOINTS);
                assert_eq!(scene::nr_outgoing(), Some(left));
            }
        }
        scene::clear();
        Ok(())
    }
}
