// SPDX-License-Identifier: GPL-2.0

//! Tables for the decisions, and for the sizes and names that they use.

use pci_liveupdate_host::{
    abi::{
        Key,
        Ser, //
    },
    cases,
    logic::{
        eligible,
        size_for,
        Facts,
        Ineligible,
        Policy, //
    },
    naive,
};
use proptest::prelude::*;

const REASONS: [(Ineligible, &str); 6] = [
    (Ineligible::Virtfn, "Virtual Functions are not supported"),
    (Ineligible::VfsEnabled, "its Virtual Functions are enabled"),
    (
        Ineligible::Proxied,
        "its requests are issued by another device",
    ),
    (
        Ineligible::AcsQuirk,
        "ACS on its path is enabled by a device-specific quirk",
    ),
    (Ineligible::GroupShared, "its IOMMU group has other devices"),
    (Ineligible::Frozen, "the kernel is being shut down"),
];

/// The facts of which the bits are set, in the order of [`REASONS`].
fn facts(bits: u32) -> Facts {
    Facts {
        virtfn: bits & 1 != 0,
        vfs_enabled: bits & 2 != 0,
        proxied: bits & 4 != 0,
        acs_quirk: bits & 8 != 0,
        group_shared: bits & 16 != 0,
        frozen: bits & 32 != 0,
    }
}

#[test]
fn a_device_with_nothing_against_it_is_eligible() {
    assert_eq!(eligible(&Facts::default()), Ok(()));
}

#[test]
fn each_fact_alone_is_a_reason_and_the_first_of_several_is_reported() {
    for bits in 1u32..1 << REASONS.len() {
        let (reason, _) = REASONS[bits.trailing_zeros() as usize];
        assert_eq!(eligible(&facts(bits)), Err(reason));
    }
}

#[test]
fn each_reason_is_printed_in_words() {
    for (reason, words) in REASONS {
        assert_eq!(reason.to_string(), words);
    }
}

#[test]
fn a_policy_is_known_by_its_exact_name() {
    let table: [(&[u8], Option<Policy>); 10] = [
        (b"panic", Some(Policy::Panic)),
        (b"contain", Some(Policy::Contain)),
        (b"ignore", Some(Policy::Ignore)),
        (b"", None),
        (b"Panic", None),
        (b"panic ", None),
        (b"panic\0", None),
        (b"pani", None),
        (b"ignore,contain", None),
        (b"\xff", None),
    ];

    for (name, policy) in table {
        assert_eq!(Policy::parse(name), policy, "{}", name.escape_ascii());
    }
}

#[test]
fn a_policy_is_printed_as_it_is_written() {
    for policy in [Policy::Panic, Policy::Contain, Policy::Ignore] {
        assert_eq!(Policy::parse(policy.to_string().as_bytes()), Some(policy));
        assert_eq!(policy.to_string(), policy.name());
    }
}

#[test]
fn the_default_policy_is_to_panic() {
    assert_eq!(Policy::default(), Policy::Panic);
}

#[test]
fn nobody_stops_for_devices_that_may_not_be_there() {
    assert_eq!(Policy::Panic.if_unknown(), Policy::Contain);
    assert_eq!(Policy::Contain.if_unknown(), Policy::Contain);
    assert_eq!(Policy::Ignore.if_unknown(), Policy::Ignore);
}

#[test]
fn there_is_room_for_what_is_present_and_for_what_may_appear() {
    let table = [
        (0, 64),
        (1, 65),
        (256, 320),
        (259, 323),
        (260, 325),
        (16_384, 20_480),
        (65_536, 81_920),
    ];

    for (present, room) in table {
        assert_eq!(size_for(present), Some(8 + 8 * room), "{present} present");
    }
}

#[test]
fn a_size_that_cannot_be_counted_is_none() {
    let most = (usize::MAX - Ser::HEADER) / 8;

    assert_eq!(Ser::size_for(most), Some(8 + 8 * most));
    assert_eq!(Ser::size_for(most + 1), None);
    assert_eq!(Ser::offset_of(most + 1), usize::MAX);
    for present in [most, usize::MAX / 5 * 4, usize::MAX - 64, usize::MAX] {
        assert_eq!(size_for(present), None, "{present} present");
    }
}

proptest! {
    #![proptest_config(cases::config(cases::DETAIL))]

    #[test]
    fn sizes_and_names_are_those_of_unlimited_arithmetic(
        present in prop_oneof![any::<usize>(), 0..1usize << 20, any::<usize>().prop_map(|n| n >> 3)],
        domain in prop_oneof![0..0x1_0001u32, any::<u32>()],
        bdf in any::<u16>(),
    ) {
        let room = present as u128 + (present as u128 / 4).max(64);
        prop_assert_eq!(size_for(present), usize::try_from(8 + 8 * room).ok());

        let key = Key::new(domain, bdf);
        prop_assert_eq!((key.domain(), key.bdf()), (domain, bdf));
        prop_assert_eq!(key.index(), u64::from(domain) * 65_536 + u64::from(bdf));
        prop_assert_eq!(key.to_string(), naive::name(domain, bdf));
    }
}
