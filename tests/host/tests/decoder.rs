// SPDX-License-Identifier: GPL-2.0

//! The decoder has a result for any bytes: that of another decoder, which shares no code with it.

use pci_liveupdate_host::{
    abi::{
        check,
        Ser, //
    },
    block::Block,
    cases,
    folio::Folio,
    text, //
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::Index, //
};

/// An entry, often a free one or one of a few functions.
fn entry() -> impl Strategy<Value = (u32, u16, u16)> {
    let domain = prop_oneof![0..2u32, Just(u32::MAX), any::<u32>()];
    let bdf = prop_oneof![0..8u16, Just(u16::MAX), any::<u16>()];
    let count = prop_oneof![Just(0), 1..4u16, Just(u16::MAX), any::<u16>()];

    (domain, bdf, count)
}

/// A block whose numbers are right. It may name a function twice.
fn counted() -> impl Strategy<Value = Block> {
    vec(entry(), 0..12).prop_map(|entries| {
        let empty = Block::for_devices(entries.len());

        entries
            .into_iter()
            .enumerate()
            .fold(empty, |block, (at, (domain, bdf, count))| {
                block.entry(at, domain, bdf, count)
            })
    })
}

/// `limit`, a number next to it, or any other.
fn around(limit: usize) -> impl Strategy<Value = u32> {
    let limit = u32::try_from(limit).expect("a small number");

    prop_oneof![
        4 => Just(limit),
        1 => Just(limit + 1),
        1 => Just(limit.saturating_sub(1)),
        1 => prop_oneof![Just(u32::MAX), Just(1 << 31), any::<u32>()],
    ]
}

fn agree(folio: &Folio) -> Result<(), TestCaseError> {
    prop_assert_eq!(text::of(folio), text::naive(folio));
    Ok(())
}

proptest! {
    #![proptest_config(cases::config(cases::DECODER))]

    #[test]
    fn any_bytes_have_a_result(
        max in prop_oneof![0..20u32, any::<u32>()],
        nr in prop_oneof![0..20u32, any::<u32>()],
        rest in vec(any::<u8>(), 0..160),
    ) {
        let mut bytes = [max.to_ne_bytes(), nr.to_ne_bytes()].concat();
        bytes.extend(rest);
        agree(&Folio::new(0, &bytes))?;
    }

    #[test]
    fn a_block_with_damaged_bytes_has_a_result(
        block in counted(),
        damage in vec((any::<Index>(), prop_oneof![0..4u8, any::<u8>()]), 0..4),
    ) {
        let mut folio = block.folio();
        for (at, byte) in damage {
            let at = at.index(folio.as_bytes().len());
            folio.as_mut_bytes()[at] = byte;
        }
        agree(&folio)?;
    }
}

proptest! {
    #![proptest_config(cases::config(cases::DETAIL))]

    #[test]
    fn numbers_around_their_limits_are_distinguished(
        (block, max, nr) in counted().prop_flat_map(|block| {
            let fits = block.bytes().len() / 8 - 1;
            let used = block.folio().nr_devices as usize;
            (Just(block), around(fits), around(used))
        }),
    ) {
        agree(&block.max(max).nr(nr).folio())?;
    }

    #[test]
    fn free_entries_and_memory_behind_the_array_have_no_meaning(
        block in counted(),
        junk in vec(any::<(u32, u16)>(), 12),
        behind in vec(entry(), 1..4),
    ) {
        let clean = block.folio();
        let (max, nr) = (clean.devices.len(), clean.nr_devices);
        let mut scribbled = Block::for_devices(max + behind.len()).put(0, block.bytes());

        for (at, (domain, bdf)) in junk.into_iter().enumerate().take(max) {
            if !clean.devices[at].is_used() {
                scribbled = scribbled.stray(at, domain, bdf, 0);
            }
        }
        for (at, (domain, bdf, count)) in behind.into_iter().enumerate() {
            scribbled = scribbled.stray(max + at, domain, bdf, count);
        }
        let scribbled = scribbled.nr(nr).folio();

        prop_assert_eq!(text::of(&scribbled), text::of(&clean));
        agree(&scribbled)?;
    }
}

#[test]
fn a_refusal_has_the_offset() {
    let refusals = [
        (Block::for_devices(4).max(5), 0),
        (Block::for_devices(4).max(4).nr(5), 4),
        (Block::for_devices(4).nr(1), 4),
    ];

    for (block, offset) in refusals {
        let corrupt = check(&block.folio()).expect_err("it is corrupt");
        assert_eq!(corrupt.offset(), offset);
        assert!(corrupt
            .to_string()
            .starts_with(&format!("at offset {offset}: ")));
    }
}

#[test]
fn a_page_holds_511_entries() {
    let page = Folio::new(4096, &[]);

    assert_eq!(page.devices.len(), 511);
    assert_eq!(Ser::size_for(511), Some(4096));
}
