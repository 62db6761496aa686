// SPDX-License-Identifier: GPL-2.0

//! The hooks with hundreds of devices in several segments.

use super::{
    config::{
        Config,
        Numbers, //
    },
    fake_bus::{
        Device,
        FakeBus, //
    },
    fixture::Fixture,
    hardware::Function, //
};
use crate::{
    abi::Key,
    logic::Function as _, //
};
use kernel::prelude::*;

const BRIDGES: u8 = 8;
/// Below each bridge, in slots with all eight functions.
const ENDPOINTS: u8 = 16;
/// In each segment.
const NR_FUNCTIONS: usize = BRIDGES as usize * (1 + ENDPOINTS as usize);

/// A segment with bridges on its root bus, and endpoints below each.
struct Segment<'a> {
    fake: Pin<KBox<FakeBus<'a>>>,
    bridges: KVec<Function>,
    endpoints: KVec<Function>,
}

impl<'a> Segment<'a> {
    fn new(core: &'a Fixture) -> Result<Self> {
        let mut segment = Self {
            fake: FakeBus::new(core)?,
            bridges: KVec::new(),
            endpoints: KVec::new(),
        };

        for nr in 1..=BRIDGES {
            let config = Config::bridge(Numbers(nr, nr))?;
            let bridge = segment.fake.plug(None, nr << 3, config)?;
            segment.bridges.push(bridge, GFP_KERNEL)?;
            for devfn in 0..ENDPOINTS {
                let config = Config::endpoint()?;
                let endpoint = segment.fake.plug(Some(bridge), devfn, config)?;
                segment.endpoints.push(endpoint, GFP_KERNEL)?;
            }
        }
        Ok(segment)
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

    /// How many functions are incoming.
    fn nr_incoming(&self, core: &Fixture) -> usize {
        self.devices().filter(|dev| core.is_incoming(dev)).count()
    }

    /// How many functions are outgoing.
    fn nr_outgoing(&self) -> usize {
        self.devices()
            .filter(|dev| dev.outgoing().is_some())
            .count()
    }

    fn devices(&self) -> impl Iterator<Item = Device<'_>> {
        [&self.bridges, &self.endpoints]
            .into_iter()
            .flatten()
            .filter_map(|function| self.fake.device(*function))
    }
}

#[kunit_tests(pci_liveupdate_many)]
mod tests {
    use super::*;

    /// All devices of two segments were handed over, and none of the two others. They are incoming
    /// until they are finished.
    #[test]
    fn arrive_and_finish() -> Result {
        let core = Fixture::new()?;
        let segments = [
            Segment::new(&core)?,
            Segment::new(&core)?,
            Segment::new(&core)?,
            Segment::new(&core)?,
        ];
        let [first, incoming, third, too] = &segments;
        let mut entries = KVec::new();

        incoming.add_entries(&mut entries)?;
        too.add_entries(&mut entries)?;
        core.start_incoming(&entries)?;
        for segment in &segments {
            segment.fake.scan()?;
        }
        for (segment, expected) in [
            (first, 0),
            (incoming, NR_FUNCTIONS),
            (third, 0),
            (too, NR_FUNCTIONS),
        ] {
            assert_eq!(segment.nr_incoming(&core), expected);
        }

        for function in &incoming.endpoints {
            let dev = incoming.fake.device(*function).ok_or(ENODEV)?;
            core.finish(&dev);
        }
        assert_eq!(incoming.nr_incoming(&core), 0);
        assert_eq!(too.nr_incoming(&core), NR_FUNCTIONS);
        Ok(())
    }

    /// All are preserved, and removed bridge by bridge: the others stay preserved.
    #[test]
    fn preserve_and_remove() -> Result {
        let core = Fixture::new()?;
        let segments = [Segment::new(&core)?, Segment::new(&core)?];
        let mut left = segments.len() * NR_FUNCTIONS;

        core.start_outgoing(left)?;
        for segment in &segments {
            segment.fake.scan()?;
            for function in &segment.endpoints {
                let dev = segment.fake.device(*function).ok_or(ENODEV)?;
                core.preserve(&dev)?;
            }
        }
        assert_eq!(core.nr_outgoing(), Some(left));
        for segment in &segments {
            assert_eq!(segment.nr_outgoing(), NR_FUNCTIONS);
            for bridge in &segment.bridges {
                let dev = segment.fake.device(*bridge).ok_or(ENODEV)?;
                assert_eq!(core.outgoing_count(dev.key()), ENDPOINTS.into());
                segment.fake.remove(dev);
                left -= 1 + usize::from(ENDPOINTS);
                assert_eq!(core.nr_outgoing(), Some(left));
            }
        }
        Ok(())
    }
}
