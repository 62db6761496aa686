// SPDX-License-Identifier: GPL-2.0

//! The number of an entry, as a device keeps it.

use pci_liveupdate_host::{
    cases,
    logic::Slot, //
};
use proptest::prelude::*;

#[test]
fn a_zeroed_device_has_no_slot() {
    assert_eq!(Slot::from_raw(0), None);
    assert_eq!(Slot::into_raw(None), 0);
}

#[test]
fn the_first_entry_is_not_mistaken_for_none() {
    assert_eq!(Slot::into_raw(Slot::of(0)), 1);
    assert_eq!(Slot::from_raw(1), Slot::of(0));
}

#[test]
fn the_last_number_has_no_slot() {
    assert_eq!(Slot::of(u32::MAX), None);
    assert_eq!(Slot::of(u32::MAX - 1), Slot::from_raw(u32::MAX));
}

proptest! {
    #![proptest_config(cases::config(cases::DETAIL))]

    #[test]
    fn a_slot_survives_being_kept_on_a_device(
        nr in prop_oneof![0..4u32, u32::MAX - 4..u32::MAX, 0..u32::MAX],
    ) {
        let kept = Slot::into_raw(Slot::of(nr));
        let slot = Slot::from_raw(kept);

        prop_assert_ne!(kept, 0);
        prop_assert_eq!(slot.map(Slot::nr), Some(nr));
        prop_assert_eq!(slot.map(Slot::index), usize::try_from(nr).ok());
    }
}
