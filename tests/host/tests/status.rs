// SPDX-License-Identifier: GPL-2.0

//! What follows from the status of a device, for each possible status.

use pci_liveupdate_host::logic::{
    DriverMatch,
    Status, //
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

fn driver_match(bits: u8) -> DriverMatch {
    DriverMatch {
        incoming: bits & 1 != 0,
        bridge: bits & 2 != 0,
        overridden: bits & 4 != 0,
        liveupdate: bits & 8 != 0,
        cut_off: bits & 16 != 0,
    }
}

#[test]
fn bus_master_stays_on_incoming_devices_and_at_the_end_on_outgoing_ones() {
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
fn an_incoming_or_outgoing_device_is_live() {
    let live = (0..32).filter(|bits| status(*bits).is_live());

    assert!(live.eq((0..32).filter(|bits| bits & 3 != 0)));
}

#[test]
fn only_a_driver_that_is_not_prepared_for_an_incoming_endpoint_is_kept_from_it() {
    let refused = (0..16).filter(|bits| !driver_match(*bits).is_allowed());

    assert_eq!(refused.collect::<Vec<_>>(), [1]);
}

#[test]
fn no_driver_binds_to_what_is_cut_off_unless_user_space_overrides() {
    let allowed = (16..32).filter(|bits| driver_match(*bits).is_allowed());

    assert!(allowed.eq((16..32).filter(|bits| driver_match(*bits).overridden)));
}
