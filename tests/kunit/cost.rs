// SPDX-License-Identifier: GPL-2.0

//! What an operation costs, by how many devices there are.
//!
//! Each number is the fastest of several rounds, so that what else the machine does is not in it.
//! Whether the cost grows is a matter of orders of magnitude: a search through all entries would
//! make it some thousand times higher.

use super::{
    bare::{
        Grown,
        Shape, //
    },
    scene,
    scene::Plain, //
};
use crate::{
    abi::{
        DevSer,
        Key, //
    },
    device::{
        function,
        path, //
    },
    logic::{
        Arrival,
        Incoming, //
    },
    outgoing,
    xindex::XIndex, //
};
use kernel::{
    prelude::*,
    time::{
        Instant,
        Monotonic, //
    }, //
};

/// The numbers of devices that are compared: segments, endpoints in each. The bridges above a
/// single device would come and go with it, which costs more.
const SIZES: [(u32, u16); 4] = [(1, 2), (1, 64), (4, 256), (64, 256)];

/// How often each operation is measured, and done for each measurement.
const ROUNDS: usize = 16;
const REPEAT: usize = 64;

/// How much more an operation may cost with the most devices than with the fewest.
const LIMIT: u64 = 8;

/// Nanoseconds for one of the operations that `work` does `times` of, in the fastest round.
fn fastest(times: usize, mut work: impl FnMut()) -> u64 {
    let nanos = (0..ROUNDS).map(|_| {
        let start = Instant::<Monotonic>::now();
        work();
        start.elapsed().as_nanos()
    });
    let best = nanos.min().unwrap_or(0);

    // CAST: far below the limits of either.
    (best.max(1) as u64).div_ceil(times as u64)
}

/// What was measured for one operation.
struct Costs {
    name: &'static str,
    nanos: [u64; SIZES.len()],
}

impl Costs {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            nanos: [0; SIZES.len()],
        }
    }

    /// Says the costs, and returns whether they stay the same.
    fn is_constant(&self) -> bool {
        let [smallest, .., largest] = self.nanos;

        for ((segments, endpoints), nanos) in SIZES.into_iter().zip(self.nanos) {
            let nr = segments * u32::from(endpoints);
            let percent = nanos * 100 / smallest.max(1);
            pr_info!("{} with {nr} devices: {nanos} ns, {percent}%\n", self.name);
        }
        largest <= smallest.max(1) * LIMIT
    }
}

/// As many endpoints as are to be compared, three levels deep.
fn grow(size: usize) -> Result<(Shape, Grown)> {
    let (segments, endpoints) = SIZES[size];
    let shape = Shape {
        segments,
        endpoints,
        depth: 3,
    };
    let grown = shape.grow()?;

    Ok((shape, grown))
}

/// The array that a previous kernel would hand over for all of them, with counts that last.
fn handed_over(shape: &Shape) -> Result<Incoming<Plain, XIndex<Arrival>>> {
    let mut entries = KVVec::new();
    let shares = u16::MAX;

    for nr in 0..shape.nr_endpoints() {
        entries.push((shape.endpoint_key(nr), shares), GFP_KERNEL)?;
    }
    for nr in 0..shape.nr_bridges() {
        entries.push((shape.bridge_key(nr), shares), GFP_KERNEL)?;
    }
    Incoming::decode(Plain::handed_over(&entries)?, XIndex::new()?).map_err(|_| EINVAL)
}

#[kunit_tests(pci_liveupdate_cost)]
mod tests {
    use super::*;

    /// To preserve a device, and to give it back, with all others preserved.
    #[test]
    fn preserve_and_unpreserve() -> Result {
        let mut costs = Costs::new("preserve and unpreserve");

        for size in 0..SIZES.len() {
            let (shape, grown) = grow(size)?;
            let devices = || grown.endpoints.iter().map(|dev| grown.forest.get(*dev));
            let Some(last) = devices().next_back() else {
                return Err(EINVAL);
            };

            scene::begin_outgoing(shape.nr_endpoints() + shape.nr_bridges())?;
            for dev in devices() {
                outgoing::preserve(dev)?;
            }
            let mut failed = 0;
            costs.nanos[size] = fastest(REPEAT, || {
                for _ in 0..REPEAT {
                    outgoing::unpreserve(last);
                    failed += usize::from(outgoing::preserve(last).is_err());
                }
            });
            assert_eq!(failed, 0);
        }
        scene::clear();
        assert!(costs.is_constant());
        Ok(())
    }

    /// To look up a device that was handed over, and one that was not.
    #[test]
    fn look_up() -> Result {
        let mut costs = Costs::new("look-up");

        for size in 0..SIZES.len() {
            let (shape, grown) = grow(size)?;
            let mut incoming = handed_over(&shape)?;
            let Some(last) = grown.endpoints.last() else {
                return Err(EINVAL);
            };
            let there = function(grown.forest.get(*last));
            let other = Key::new(Shape::FIRST, 0xffff);

            let mut found = 0;
            costs.nanos[size] = fastest(REPEAT, || {
                for _ in 0..REPEAT {
                    found += usize::from(incoming.arrive(there));
                    found += usize::from(incoming.contains(other));
                }
            });
            assert_eq!(found, ROUNDS * REPEAT);
        }
        assert!(costs.is_constant());
        Ok(())
    }

    /// To finish a device.
    #[test]
    fn finish() -> Result {
        let mut costs = Costs::new("finish");

        for size in 0..SIZES.len() {
            let (shape, grown) = grow(size)?;
            let mut incoming = handed_over(&shape)?;
            let Some(last) = grown.endpoints.last() else {
                return Err(EINVAL);
            };
            let path = path(grown.forest.get(*last));

            let mut failed = 0;
            costs.nanos[size] = fastest(REPEAT, || {
                for _ in 0..REPEAT {
                    failed += usize::from(incoming.finish(&path) != Ok(0));
                }
            });
            assert_eq!(failed, 0);
        }
        assert!(costs.is_constant());
        Ok(())
    }

    /// All of it once, from end to end: what the last kernel counted is what this one finishes.
    #[test]
    fn all_devices() -> Result {
        for size in 0..SIZES.len() {
            let (shape, grown) = grow(size)?;
            let devices = || grown.endpoints.iter().map(|dev| grown.forest.get(*dev));
            let all = shape.nr_endpoints() + shape.nr_bridges();

            let start = Instant::<Monotonic>::now();
            scene::begin_outgoing(all)?;
            for dev in devices() {
                outgoing::preserve(dev)?;
            }
            let preserved = start.elapsed();
            let mut ser = Plain::with_room(all)?;
            assert!(scene::copy_outgoing(&mut ser));

            let start = Instant::<Monotonic>::now();
            let mut incoming = Incoming::decode(ser, XIndex::new()?).map_err(|_| EINVAL)?;
            let decoded = start.elapsed();

            let start = Instant::<Monotonic>::now();
            let arrived = devices().filter(|dev| incoming.arrive(function(dev)));
            assert_eq!(arrived.count(), shape.nr_endpoints());
            let finished = devices().filter(|dev| incoming.finish(&path(dev)) == Ok(0));
            assert_eq!(finished.count(), shape.nr_endpoints());
            assert!(incoming.is_finished());

            pr_info!(
                "{} devices: preserved in {} us, decoded in {} us, finished in {} us\n",
                shape.nr_endpoints(),
                preserved.as_micros_ceil(),
                decoded.as_micros_ceil(),
                start.elapsed().as_micros_ceil()
            );
            assert!(incoming.iter().all(|(dev, _): (DevSer, _)| !dev.is_used()));
        }
        scene::clear();
        Ok(())
    }
}
