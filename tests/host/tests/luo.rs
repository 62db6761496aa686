// SPDX-License-Identifier: GPL-2.0

//! What a kernel whose LUO is switched off sees of what LUO left.

use pci_liveupdate_host::{
    abi::luo::{
        Flbs,
        Root, //
    },
    cases,
};
use proptest::{
    collection::vec,
    prelude::*, //
};
use zerocopy::{
    FromBytes,
    IntoBytes, //
};

/// The bytes of a root whose FLBs are at `flbs`.
fn root(compatible: &[u8; 8], flbs: u64) -> Vec<u8> {
    let numbers = [1, 0x1000, flbs].map(u64::to_ne_bytes);

    [compatible.as_slice(), numbers.as_flattened()].concat()
}

/// A page of FLBs that claims to hold `count`.
fn page(count: u64, names: &[&[u8]]) -> Vec<u64> {
    let mut words = vec![0u64; 512];

    words[0] = 1;
    words[1] = count;
    for (flb, name) in words[2..].chunks_exact_mut(8).zip(names) {
        flb.as_mut_bytes()[..name.len()].copy_from_slice(name);
    }
    words
}

fn has_pci(words: &[u64]) -> bool {
    let (flbs, _) = Flbs::ref_from_prefix(words.as_bytes()).expect("there is a header");

    flbs.has_pci()
}

#[test]
fn a_root_of_the_known_format_tells_where_the_flbs_are() {
    let table = [
        (b"luo-v5\0\0", Some(0x2000)),
        (b"luo-v4\0\0", None),
        (b"luo-v55\0", None),
        (b"luo\0\0\0\0\0", None),
        (b"\0\0\0\0\0\0\0\0", None),
    ];

    for (compatible, flbs) in table {
        let bytes = root(compatible, 0x2000);
        let root = Root::read_from_bytes(&bytes).expect("it has the size of a root");
        assert_eq!(root.flbs(), flbs, "{}", compatible.escape_ascii());
    }
}

#[test]
fn pci_devices_are_seen_under_each_name_that_they_may_have() {
    for name in ["pci", "pci-v1", "pci-v2", "pci-v3"] {
        assert!(has_pci(&page(2, &[b"memfd", name.as_bytes()])), "{name}");
    }
}

#[test]
fn nothing_else_is_taken_for_pci_devices() {
    let others: [&[u8]; 6] = [b"", b"pc", b"pci-", b"pci-v33", b"PCI", b" pci"];

    for name in others {
        assert!(!has_pci(&page(1, &[name])), "{}", name.escape_ascii());
    }
}

#[test]
fn what_follows_the_end_of_a_name_does_not_matter() {
    assert!(has_pci(&page(1, &[b"pci-v3\0junk"])));
    assert!(!has_pci(&page(1, &[b"memfd\0pci-v3"])));
}

#[test]
fn a_name_without_an_end_is_none() {
    assert!(!has_pci(&page(1, &[&[b'p'; 48]])));
}

#[test]
fn only_as_many_flbs_are_read_as_there_are_and_as_fit() {
    assert!(!has_pci(&page(0, &[b"pci"])));
    assert!(!has_pci(&page(1, &[b"memfd", b"pci"])));
    assert!(has_pci(&page(u64::MAX, &[b"memfd", b"pci"])));
    assert!(!has_pci(&page(u64::MAX, &[b"memfd"])));
}

proptest! {
    #![proptest_config(cases::config(cases::DETAIL))]

    #[test]
    fn any_bytes_get_an_answer(
        words in vec(any::<u64>(), 2..40),
        place in 0..4usize,
        count in prop_oneof![0..6u64, any::<u64>()],
    ) {
        let mut words = words;
        words[1] = count;
        has_pci(&words);

        // A name that is there is found among whatever else there is, if it is counted.
        let at = 2 + 8 * place;
        if words.len() >= at + 8 {
            words[at..at + 6].as_mut_bytes()[..7].copy_from_slice(b"pci-v3\0");
            prop_assert!(has_pci(&words) || count <= place as u64);
        }
    }
}
