// SPDX-License-Identifier: GPL-2.0

//! The decoder of lists has a result for any pages: that of another decoder, which shares no code
//! with it.

use pci_liveupdate_host::{
    abi::{
        blocks::{
            Block,
            Head,
            Memory,
            MAX_BLOCKS, //
        },
        walk,
        CorruptList,
        Unreadable, //
    },
    block::Block as Array,
    cases,
    folio::PAGE,
    image::{
        address,
        Image, //
    },
    text, //
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::Index, //
};
use std::cell::Cell;

/// Pages behind the head of a random image.
const PAGES: usize = 4;

/// An entry, often a free one or one of a few functions.
fn entry() -> impl Strategy<Value = (u32, u16, u16)> {
    let domain = prop_oneof![0..2u32, Just(u32::MAX)];
    let bdf = prop_oneof![0..8u16, Just(u16::MAX)];
    let count = prop_oneof![2 => Just(0), 6 => Just(1), 2 => 1..4u16, 1 => Just(u16::MAX)];

    (domain, bdf, count)
}

/// The address of a page, of none, or of something that is not there.
fn link() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => Just(0),
        8 => (0..PAGES + 2).prop_map(address),
        1 => any::<u64>(),
        1 => (0..PAGES).prop_map(|nr| address(nr) + 8),
    ]
}

/// The count of a block with a few entries.
fn count(entries: usize) -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => Just(entries.max(1) as u64),
        2 => 0..12u64,
        1 => 509..512u64,
        1 => any::<u64>(),
    ]
}

/// A block: what it leads to, its count, and its first entries.
fn block() -> impl Strategy<Value = (u64, u64, Vec<(u32, u16, u16)>)> {
    vec(entry(), 0..6).prop_flat_map(|entries| (link(), count(entries.len()), Just(entries)))
}

/// Blocks that lead anywhere, behind a head in page `head`.
fn any_list(head: usize) -> impl Strategy<Value = Image> {
    let version = prop_oneof![8 => Just(2), 4 => Just(1), 1 => any::<u32>()];
    let error = prop_oneof![8 => Just(0), 1 => Just(1), 1 => any::<u32>()];

    (version, link(), error, vec(block(), PAGES)).prop_map(
        move |(version, first, error, blocks)| {
            let empty = Image::new(head + 1 + PAGES, head)
                .version(version)
                .first(first);

            let image = blocks.iter().enumerate().fold(empty, |image, (nr, block)| {
                let image = image.block(nr, block.0, block.1);
                fill(image, nr, &block.2)
            });
            let nr = counted(&image, head).wrapping_add(error);
            image.nr(nr)
        },
    )
}

fn fill(image: Image, nr: usize, entries: &[(u32, u16, u16)]) -> Image {
    entries
        .iter()
        .enumerate()
        .fold(image, |image, (at, &(domain, bdf, count))| {
            image.stray(nr, at, domain, bdf, count)
        })
}

/// What the walker counts, for images that are right in all but the number.
fn counted(image: &Image, head: usize) -> u32 {
    let number = text_of(image, head);
    let number = number.strip_prefix("refused at offset 4: expected nr_devices = ");

    number
        .and_then(|rest| rest.split(',').next()?.parse().ok())
        .unwrap_or_else(|| image.head().nr_devices)
}

fn text_of(image: &Image, head: usize) -> String {
    match head {
        0 => text::of_list(image),
        _ => match walk(image.head(), image) {
            Ok(_) => String::new(),
            Err(why) => format!("refused {why}"),
        },
    }
}

/// An array in the first page, of entries that a list may have as well.
fn array() -> impl Strategy<Value = Array> {
    vec(entry(), 0..6).prop_map(|entries| {
        entries
            .into_iter()
            .enumerate()
            .fold(Array::new(PAGE), |array, (at, (domain, bdf, count))| {
                array.entry(at, domain, bdf, count)
            })
    })
}

fn agree(image: &Image) -> Result<(), TestCaseError> {
    prop_assert_eq!(text::of_list(image), text::naive_list(image));
    Ok(())
}

proptest! {
    #![proptest_config(cases::config(cases::DECODER))]

    #[test]
    fn any_list_has_a_result(image in any_list(0)) {
        agree(&image)?;
    }

    #[test]
    fn any_bytes_have_a_result(
        bytes in vec(any::<u8>(), 0..64),
        damage in vec((any::<Index>(), any::<u8>()), 0..4),
        image in any_list(0),
    ) {
        let image = damage.into_iter().fold(image.put(0, &bytes), |image, (at, byte)| {
            let at = at.index(image.bytes().len());
            image.put(at, &[byte])
        });
        agree(&image)?;
    }
}

proptest! {
    #![proptest_config(cases::config(cases::DETAIL))]

    #[test]
    fn any_two_formats_are_compared(
        array in array(),
        same in any::<bool>(),
        counts in vec(0..2u16, 6),
        other in any_list(1),
    ) {
        let used = array.folio().nr_devices;
        let image = match same {
            false => other,
            true => {
                let copy = Image::list(1, &[7]);
                let entries = array.bytes()[8..].chunks(8).take(6).enumerate();
                entries.fold(copy, |image, (at, entry)| image.put(2 * PAGE + 16 + 8 * at, entry))
            }
        };
        let image = image.put(0, array.bytes());
        let image = if same { image.nr(used) } else { image };
        prop_assert_eq!(text::of_both(&image), text::naive_both(&image));

        // One entry is changed.
        let at = usize::from(counts.iter().sum::<u16>());
        let image = image.put(2 * PAGE + 16 + 8 * at + 4, &[1]);
        prop_assert_eq!(text::of_both(&image), text::naive_both(&image));
    }
}

/// Blocks one behind the other, at the addresses 1, 2, ...; the last one leads to `back`, or to
/// nothing.
struct Chain {
    blocks: Vec<Block>,
    asked: Cell<usize>,
}

impl Chain {
    fn new(length: u64, back: u64) -> Self {
        let block = |nr| Block {
            next: if nr == length { back } else { nr + 1 },
            count: 1,
            devices: [Default::default(); 510],
        };

        Self {
            blocks: (1..=length).map(block).collect(),
            asked: Cell::new(0),
        }
    }

    fn walk(&self) -> Result<u32, CorruptList> {
        let head = Head {
            version: 2,
            nr_devices: 0,
            first: 1,
        };

        match walk(&head, self) {
            Ok(list) => Ok(list.nr_used()),
            Err(Unreadable::Corrupt(corrupt)) => Err(corrupt),
            Err(Unreadable::Version(_)) => unreachable!("the version is known"),
        }
    }
}

impl Memory for Chain {
    fn block(&self, address: u64) -> Option<&Block> {
        self.asked.set(self.asked.get() + 1);
        self.blocks
            .get(usize::try_from(address).ok()?.checked_sub(1)?)
    }
}

#[test]
fn a_list_may_be_as_long_as_for_kho_and_no_longer() {
    let most = u64::from(MAX_BLOCKS);

    assert_eq!(Chain::new(most, 0).walk(), Ok(0));
    assert_eq!(Chain::new(most + 1, 0).walk(), Err(CorruptList::Endless));
    assert_eq!(Chain::new(most + 5000, 0).walk(), Err(CorruptList::Endless));
}

#[test]
fn a_loop_is_named_wherever_it_begins_and_however_long_it_is() {
    for length in [1u64, 2, 3, 4, 5, 7, 8, 100, 1023, 5000, 9999, 10_000] {
        for back in [1, 2, 3, length / 2, length.saturating_sub(1), length] {
            let back = back.clamp(1, length);
            let chain = Chain::new(length, back);
            let again = u32::try_from(length).expect("it is small");
            let first = u32::try_from(back - 1).expect("it is small");

            assert_eq!(chain.walk(), Err(CorruptList::Loop { first, again }));
            assert!(chain.asked.get() < 100_000, "{length} to {back}");
        }
    }
}

#[test]
fn a_loop_beyond_what_kho_accepts_is_endless() {
    for back in [1, 10_000, 10_001] {
        assert_eq!(Chain::new(10_001, back).walk(), Err(CorruptList::Endless));
    }
}

#[test]
fn a_list_that_is_read_gives_its_addresses_in_order() {
    let image = Image::list(0, &[1, 2, 1]);
    let list = walk(image.head(), &image).map(|list| list.addresses().collect());

    assert_eq!(list, Ok(vec![address(1), address(2), address(3)]));
}
