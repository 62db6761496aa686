// SPDX-License-Identifier: GPL-2.0

//! What follows from the status of a device: every case there is.

use pci_liveupdate_host::logic::{
    Status,
    Suitor, //
};

fn status(bits: u8) -> Status {
    Status {
        incoming: bits & 1 != 0,
        outgoing: bits & 2 != 0,
        jumping: bits & 4 != 0,
    }
}

fn suitor(bits: u8) -> Suitor {
    Suitor {
        incoming: bits & 1 != 0,
        bridge: bits & 2 != 0,
        named: bits & 4 != 0,
        liveupdate: bits & 8 != 0,
    }
}

#[test]
fn bus_master_is_kept_by_what_came_and_in_the_end_by_what_goes() {
    let keeping = (0..8).filter(|bits| status(*bits).keeps_master());

    // Incoming with anything else; outgoing only in the jump.
    assert_eq!(keeping.collect::<Vec<_>>(), [1, 3, 5, 6, 7]);
}

#[test]
fn what_comes_or_goes_is_live() {
    let live = (0..8).filter(|bits| status(*bits).is_live());

    assert_eq!(live.collect::<Vec<_>>(), [1, 2, 3, 5, 6, 7]);
}

#[test]
fn only_an_incoming_endpoint_with_nobody_speaking_for_the_driver_is_refused() {
    let refused = (0..16).filter(|bits| suitor(*bits).is_refused());

    assert_eq!(refused.collect::<Vec<_>>(), [1]);
}
