// SPDX-License-Identifier: GPL-2.0

//! Which drivers may bind to a device, for each possible driver and device.

use pci_liveupdate_host::logic::DriverMatch;

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
fn only_a_driver_that_is_not_prepared_for_an_incoming_endpoint_is_kept_from_it() {
    let refused = (0..16).filter(|bits| !driver_match(*bits).is_allowed());

    assert_eq!(refused.collect::<Vec<_>>(), [1]);
}

#[test]
fn no_driver_binds_to_what_is_cut_off_unless_user_space_overrides() {
    let allowed = (16..32).filter(|bits| driver_match(*bits).is_allowed());

    assert!(allowed.eq((16..32).filter(|bits| driver_match(*bits).overridden)));
}
