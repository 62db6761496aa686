// SPDX-License-Identifier: GPL-2.0

//! A step costs the same however many devices there are.
//!
//! What is counted is every use of the index and every time that the memory of the block is
//! reached for.

use pci_liveupdate_host::{
    abi::{
        Key,
        Ser, //
    },
    folio::Folio,
    logic::{
        Arrival,
        Function,
        Incoming,
        Outgoing,
        Path,
        Place, //
    },
    map::{
        Map,
        Probe, //
    },
};
use std::{
    cell::Cell,
    ops::{
        Deref,
        DerefMut, //
    },
    rc::Rc,
};

/// Memory that knows how often it was reached for.
struct Counted {
    folio: Folio,
    reached: Rc<Cell<usize>>,
}

impl Counted {
    fn tick(&self) {
        self.reached.set(self.reached.get() + 1);
    }
}

impl Deref for Counted {
    type Target = Ser;

    fn deref(&self) -> &Ser {
        self.tick();
        &self.folio
    }
}

impl DerefMut for Counted {
    fn deref_mut(&mut self) -> &mut Ser {
        self.tick();
        &mut self.folio
    }
}

/// Watches both.
#[derive(Default)]
struct Meter {
    reached: Rc<Cell<usize>>,
    probe: Probe,
}

impl Meter {
    fn memory(&self, folio: Folio) -> Counted {
        Counted {
            folio,
            reached: self.reached.clone(),
        }
    }

    /// The uses of the memory and of the index that `step` makes.
    fn cost(&self, step: impl FnOnce()) -> (usize, usize) {
        let (reached, calls) = (self.reached.get(), self.probe.calls());

        step();
        (self.reached.get() - reached, self.probe.calls() - calls)
    }
}

const ABOVE: [Function; 2] = [function(9, 0x0100, true), function(9, 0x0008, true)];

const fn function(domain: u32, bdf: u16, bridge: bool) -> Function {
    Function {
        key: Key::new(domain, bdf),
        bridge,
    }
}

/// The path of device `nth`: each is alone on a root bus.
fn alone(nth: usize) -> Path<impl Iterator<Item = Function> + Clone> {
    Path {
        device: function(0, u16::try_from(nth).expect("one segment"), false),
        above: [].into_iter(),
    }
}

/// The path of a device below two bridges that no other device has above it.
fn below() -> Path<impl Iterator<Item = Function> + Clone> {
    Path {
        device: function(9, 0x0200, false),
        above: ABOVE.into_iter(),
    }
}

/// What it costs to preserve one more device when there are `n`, to give back the first one, which
/// leaves a hole to fill, and to preserve that again.
fn outgoing(n: usize) -> [(usize, usize); 3] {
    let meter = Meter::default();
    let memory = meter.memory(Folio::for_devices(1 << 17));
    let index: Map<Place> = Map::new(&meter.probe);
    let mut core = Outgoing::new(memory, index);

    for nth in 0..n {
        assert_eq!(core.preserve(&alone(nth)), Ok(()));
    }
    [
        meter.cost(|| assert_eq!(core.preserve(&below()), Ok(()))),
        meter.cost(|| assert_eq!(core.unpreserve(&alone(0)), Ok(()))),
        meter.cost(|| assert_eq!(core.preserve(&alone(0)), Ok(()))),
    ]
}

/// What seeing the last of `n` devices costs, and what finishing it does.
fn incoming(n: usize) -> [(usize, usize); 2] {
    let mut sent = Outgoing::new(Folio::for_devices(1 << 17), Map::<Place>::default());
    for nth in 0..n {
        assert_eq!(sent.preserve(&alone(nth)), Ok(()));
    }

    let meter = Meter::default();
    let index: Map<Arrival> = Map::new(&meter.probe);
    let memory = meter.memory(sent.into_ser());
    let Ok(mut core) = Incoming::decode(memory, index) else {
        panic!("the handover is right");
    };
    [
        meter.cost(|| assert!(core.arrive(alone(n - 1).device))),
        meter.cost(|| assert_eq!(core.finish(&alone(n - 1)), Ok(0))),
    ]
}

#[test]
fn preserving_and_giving_back_cost_the_same_with_1_and_with_65536_devices() {
    assert_eq!(outgoing(1), outgoing(65_536));
}

#[test]
fn finding_and_finishing_cost_the_same_with_1_and_with_65536_devices() {
    assert_eq!(incoming(1), incoming(65_536));
}

#[test]
fn no_step_costs_more_than_a_few_operations_per_function_of_the_path() {
    let functions = 1 + ABOVE.len();

    for (reached, calls) in outgoing(65_536) {
        assert!(reached + calls <= 12 * functions, "{reached} and {calls}");
    }
    for (reached, calls) in incoming(65_536) {
        assert!(reached + calls <= 12, "{reached} and {calls}");
    }
}
