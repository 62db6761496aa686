// SPDX-License-Identifier: GPL-2.0

//! Which bus numbers can stay: tables, and random bridges on one bus.

use pci_liveupdate_host::logic::{
    usable,
    usable_next,
    Bridge,
    Range,
    Unusable, //
};
use proptest::prelude::*;
use std::iter;

/// Bus 4, below which the numbers up to 20 may be used.
const BUS: Range = range(4, 20);

const fn range(first: u8, last: u8) -> Range {
    Range { first, last }
}

/// A bridge that this kernel has not scanned, with no live device at or below it.
const fn new(first: u8, last: u8) -> Bridge {
    Bridge {
        behind: range(first, last),
        known: None,
        live: false,
    }
}

const fn scanned(first: u8, last: u8) -> Bridge {
    Bridge {
        known: Some(range(first, last)),
        ..new(first, last)
    }
}

const fn live(first: u8, last: u8) -> Bridge {
    Bridge {
        live: true,
        ..new(first, last)
    }
}

fn alone(bridge: Bridge) -> Result<(), Unusable> {
    usable(&bridge, BUS.first, BUS, iter::empty::<Bridge>())
}

fn beside(bridge: Bridge, other: Bridge) -> Result<(), Unusable> {
    usable(&bridge, BUS.first, BUS, [other].into_iter())
}

#[test]
fn all_numbers_of_the_bus_but_its_own_can_stay() {
    assert_eq!(alone(new(5, 20)), Ok(()));
    assert_eq!(alone(new(20, 20)), Ok(()));
    assert_eq!(alone(live(5, 5)), Ok(()));
}

#[test]
fn numbers_that_were_lost_or_never_there_cannot_stay() {
    for lost in [new(0, 0), new(0, 9), new(4, 9), new(9, 8), new(255, 0)] {
        assert_eq!(alone(lost), Err(Unusable::Invalid(lost.behind)));
    }
}

#[test]
fn a_bridge_with_another_primary_bus_is_invalid() {
    for primary in (0..=255).filter(|primary| *primary != BUS.first) {
        assert_eq!(
            usable(&new(5, 5), primary, BUS, iter::empty::<Bridge>()),
            Err(Unusable::Invalid(range(5, 5)))
        );
    }
}

#[test]
fn numbers_beyond_the_bus_are_outside() {
    assert_eq!(
        alone(new(20, 21)),
        Err(Unusable::Outside(range(20, 21), BUS))
    );
}

#[test]
fn a_bus_that_is_known_keeps_its_number_and_may_grow() {
    let changed = Bridge {
        behind: range(6, 8),
        ..scanned(5, 8)
    };
    let grown = Bridge {
        behind: range(5, 9),
        ..scanned(5, 8)
    };

    assert_eq!(alone(scanned(5, 8)), Ok(()));
    assert_eq!(
        alone(changed),
        Err(Unusable::Changed(range(6, 8), range(5, 8)))
    );
    assert_eq!(alone(grown), Ok(()));
}

#[test]
fn a_known_range_is_not_given_to_another_bridge() {
    for other in [
        scanned(9, 12),
        scanned(12, 14),
        scanned(10, 11),
        scanned(5, 20),
    ] {
        assert_eq!(
            beside(new(10, 12), other),
            Err(Unusable::Taken(range(10, 12), other.behind))
        );
    }
    assert_eq!(beside(new(10, 12), scanned(5, 9)), Ok(()));
    assert_eq!(beside(new(10, 12), scanned(13, 20)), Ok(()));
}

#[test]
fn a_live_bridge_comes_before_others_but_not_before_live_ones() {
    assert_eq!(
        beside(new(10, 12), live(12, 14)),
        Err(Unusable::Taken(range(10, 12), range(12, 14)))
    );
    assert_eq!(beside(live(10, 12), new(12, 14)), Ok(()));
    assert_eq!(beside(live(10, 12), live(12, 14)), Ok(()));
}

#[test]
fn the_reason_names_both_ranges() {
    let refused = beside(new(10, 12), scanned(12, 14)).unwrap_err();

    assert_eq!(
        refused.to_string(),
        "[bus 0a-0c] overlaps [bus 0c-0e] of another bridge"
    );
    assert_eq!(
        alone(new(0, 0)).unwrap_err().to_string(),
        "[bus 00-00] is invalid"
    );
}

fn next(bridge: Bridge, other: Bridge) -> Result<(), Unusable> {
    usable_next(&bridge, BUS.first, BUS, [other].into_iter())
}

#[test]
fn the_next_kernel_is_as_strict_as_this_one() {
    let nobody = new(20, 20);

    for (bridge, why) in [
        (scanned(5, 21), Unusable::Outside(range(5, 21), BUS)),
        (scanned(9, 8), Unusable::Invalid(range(9, 8))),
        (
            Bridge {
                behind: range(6, 8),
                ..scanned(5, 8)
            },
            Unusable::Changed(range(6, 8), range(5, 8)),
        ),
    ] {
        assert_eq!(next(bridge, nobody), Err(why));
    }
    assert_eq!(
        usable_next(&scanned(5, 8), 3, BUS, iter::empty::<Bridge>()),
        Err(Unusable::Invalid(range(5, 8)))
    );
    assert_eq!(next(scanned(5, 8), nobody), Ok(()));
}

#[test]
fn in_the_next_kernel_a_live_bridge_yields_only_to_another() {
    let other = Bridge {
        live: true,
        ..scanned(8, 12)
    };

    // What this kernel knows of the buses does not help the next one.
    assert_eq!(
        next(scanned(5, 8), other),
        Err(Unusable::Taken(range(5, 8), range(8, 12)))
    );
    assert_eq!(next(scanned(5, 8), scanned(8, 12)), Ok(()));
    assert_eq!(next(scanned(5, 7), other), Ok(()));
}

prop_compose! {
    fn bridge()(first in 0u8..24, last in 0u8..24, live: bool) -> Bridge {
        Bridge { live, ..new(first, last) }
    }
}

/// Scans the bridges as a kernel does, and returns those whose bus was scanned.
fn scan(bridges: &mut [Bridge]) -> Vec<Bridge> {
    let mut found = Vec::new();

    for nr in 0..bridges.len() {
        let others = (0..bridges.len()).filter(|other| *other != nr);
        let others: Vec<_> = others.map(|other| bridges[other]).collect();
        if usable(&bridges[nr], BUS.first, BUS, others.into_iter()).is_ok() {
            bridges[nr].known = Some(bridges[nr].behind);
            found.push(bridges[nr]);
        }
    }
    found
}

proptest! {
    #[test]
    fn no_two_buses_get_the_same_number(mut bridges in prop::collection::vec(bridge(), 1..8)) {
        let found = scan(&mut bridges);
        let mut numbers: Vec<_> = found
            .iter()
            .flat_map(|bridge| bridge.behind.first..=bridge.behind.last)
            .collect();
        let all = numbers.len();

        numbers.sort_unstable();
        numbers.dedup();
        prop_assert_eq!(numbers.len(), all);
        prop_assert!(numbers.iter().all(|nr| (5..=20).contains(nr)));
    }

    #[test]
    fn a_second_scan_gives_the_same_result(mut bridges in prop::collection::vec(bridge(), 1..8)) {
        let first: Vec<_> = scan(&mut bridges).iter().map(|bridge| bridge.behind).collect();
        let second: Vec<_> = scan(&mut bridges).iter().map(|bridge| bridge.behind).collect();

        prop_assert_eq!(first, second);
    }

    #[test]
    fn no_live_bridge_is_lost_to_one_that_is_not(
        mut bridges in prop::collection::vec(bridge(), 1..8),
    ) {
        let before = bridges.clone();
        let found = scan(&mut bridges);
        let mut only_live: Vec<_> = before.into_iter().filter(|bridge| bridge.live).collect();

        prop_assert_eq!(
            found.into_iter().filter(|bridge| bridge.live).collect::<Vec<_>>(),
            scan(&mut only_live)
        );
    }

    #[test]
    fn whoever_is_accepted_is_scanned_by_the_next_kernel(
        known in prop::collection::vec(bridge(), 1..8),
        order in any::<prop::sample::Index>(),
    ) {
        // This kernel makes them live one after the other, as far as it can.
        let mut bridges: Vec<_> = known
            .iter()
            .map(|bridge| Bridge { known: Some(bridge.behind), live: false, ..*bridge })
            .collect();
        for nr in (0..bridges.len()).filter(|nr| known[*nr].live) {
            let others: Vec<_> = bridges.clone();
            let others = others.into_iter().enumerate().filter(|(other, _)| *other != nr);
            let others = others.map(|(_, bridge)| bridge);
            bridges[nr].live = usable_next(&bridges[nr], BUS.first, BUS, others).is_ok();
        }

        // The next one comes to them in an order of its own, and knows none.
        let mut next: Vec<_> = bridges.iter().map(|it| Bridge { known: None, ..*it }).collect();
        let mid = order.index(next.len());
        next.rotate_left(mid);
        let found = scan(&mut next).iter().filter(|bridge| bridge.live).count();
        prop_assert_eq!(found, bridges.iter().filter(|bridge| bridge.live).count());
    }
}
