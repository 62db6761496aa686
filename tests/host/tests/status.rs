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
        bridge: bits & 4 != 0,
        jumping: bits & 8 != 0,
        handing_over: bits & 16 != 0,
    }
}

fn suitor(bits: u8) -> Suitor {
    Suitor {
        incoming: bits & 1 != 0,
        bridge: bits & 2 != 0,
        named: bits & 4 != 0,
        liveupdate: bits & 8 != 0,
        cut_off: bits & 16 != 0,
    }
}

#[test]
fn bus_master_is_kept_by_what_came_and_in_the_end_by_what_goes() {
    for bits in 0..32 {
        let status = status(bits);
        let keeps = match (status.jumping, status.handing_over) {
            (false, _) => status.incoming || (status.outgoing && status.bridge),
            (true, false) => false,
            (true, true) => status.outgoing,
        };
        assert_eq!(status.keeps_master(), keeps, "{status:?}");
    }
}

#[test]
fn what_comes_or_goes_is_live() {
    let live = (0..32).filter(|bits| status(*bits).is_live());

    assert!(live.eq((0..32).filter(|bits| bits & 3 != 0)));
}

#[test]
fn only_an_incoming_endpoint_with_nobody_speaking_for_the_driver_is_refused() {
    let refused = (0..16).filter(|bits| suitor(*bits).is_refused());

    assert_eq!(refused.collect::<Vec<_>>(), [1]);
}

#[test]
fn what_is_cut_off_is_refused_unless_user_space_has_named_the_driver() {
    let refused = (16..32).filter(|bits| suitor(*bits).is_refused());

    assert!(refused.eq((16..32).filter(|bits| !suitor(*bits).named)));
}
