// SPDX-License-Identifier: GPL-2.0

//! The tables in the layouts of `pci-v3` and of `pci`.

use pci_liveupdate_host::{
    abi::{
        blocks::{
            Head,
            ENTRIES, //
        },
        walk,
        Corrupt,
        DevSer,
        Key,
        Ser, //
    },
    folio::Folio,
    logic::{
        Array,
        Bad,
        Blocks,
        Entry,
        Outgoing,
        Page,
        Table,
        Tables, //
    },
    page::{
        self,
        HeadPage, //
    },
    recorder::{
        list,
        List, //
    },
    tree::Tree,
};

const ENTRY: DevSer = DevSer {
    domain: 0x1_0000,
    bdf: 0x0208,
    refcount: 3,
};

fn array(devices: usize) -> Array<Folio> {
    Array::new(Folio::new(Ser::HEADER + 8 * devices, &[0xff; 64]))
}

#[test]
fn all_of_the_memory_is_used_and_cleared() {
    let array = array(7);

    assert_eq!(array.capacity(), 7);
    assert_eq!(array.memory(), &Folio::new(64, &[7, 0, 0, 0]));
}

#[test]
fn an_entry_is_written_where_it_belongs_and_nowhere_else() {
    let mut array = array(7);

    array.set(5, ENTRY);
    array.set_number(1);
    for (nr, dev) in array.memory().devices.iter().enumerate() {
        let expected = if nr == 5 { ENTRY } else { DevSer::default() };
        assert_eq!(*dev, expected, "entry {nr}");
    }
    assert_eq!(array.memory().nr_devices, 1);
    assert_eq!(array.memory().max_nr_devices, 7);
    assert_eq!(array.check(), Ok(()));
}

#[test]
fn an_entry_that_there_is_no_room_for_is_not_written() {
    let mut array = array(7);
    let before = array.memory().clone();

    array.set(7, ENTRY);
    array.set(u32::MAX, ENTRY);
    assert_eq!(*array.memory(), before);
}

#[test]
fn memory_without_room_for_an_entry_is_a_table_of_none() {
    let array = Array::new(Folio::for_devices(0));

    assert_eq!(array.capacity(), 0);
    assert_eq!(array.check(), Ok(()));
}

#[test]
fn the_check_is_the_one_of_the_next_kernel() {
    let mut array = array(7);

    array.set(0, ENTRY);
    let miscounted = Corrupt::Miscounted { found: 0, used: 1 };
    assert_eq!(array.check(), Err(miscounted));
    array.set_number(8);
    let overfull = Corrupt::Overfull { found: 8, max: 7 };
    assert_eq!(array.check(), Err(overfull));
}

/// Entries of a list that a reader sees, used or not.
fn counts(list: &List) -> Vec<u64> {
    list.pages().iter().map(|page| page.count).collect()
}

fn is_read(list: &List) -> bool {
    walk(list.head(), list).is_ok()
}

#[test]
fn a_new_list_has_no_block_and_all_its_pages_are_cleared() {
    let list = list(ENTRIES + 1);
    let head: &Head = list.head();

    assert_eq!((head.version, head.nr_devices, head.first), (2, 0, 0));
    assert_eq!(counts(&list), [0, 0]);
    assert_eq!(list.capacity(), 1020);
    for page in list.pages() {
        assert_eq!(page.next, 0);
        assert!(page.devices.iter().all(|dev| *dev == DevSer::default()));
    }
    assert!(is_read(&list));
}

#[test]
fn a_block_is_linked_with_its_first_entry_and_not_before() {
    let mut list = list(2 * ENTRIES);

    for nr in 0..510 {
        list.set(nr, ENTRY);
        assert_eq!(counts(&list), [u64::from(nr) + 1, 0]);
    }
    let second = list.pages()[1].address();
    assert_eq!(list.pages()[0].next, 0);
    list.set(510, ENTRY);
    assert_eq!(counts(&list), [510, 1]);
    assert_eq!(list.pages()[0].next, second);
    assert_eq!(list.head().first, list.pages()[0].address());
}

#[test]
fn a_block_stays_linked_when_its_entries_are_given_back() {
    let mut list = list(2 * ENTRIES);

    (0..512).for_each(|nr| list.set(nr, ENTRY));
    (0..512).for_each(|nr| list.set(nr, DevSer::default()));
    assert_eq!(counts(&list), [510, 2]);
    assert!(is_read(&list), "which no reader accepts without an entry");
}

#[test]
fn an_entry_far_behind_links_all_blocks_before_it() {
    let mut list = list(3 * ENTRIES);

    list.set(1021, ENTRY);
    list.set_number(1);
    assert_eq!(counts(&list), [1, 1, 2]);
    assert!(is_read(&list));
    assert_eq!(list.get(1021), ENTRY);
}

#[test]
fn an_entry_behind_the_last_page_is_not_written() {
    let mut list = list(ENTRIES);

    list.set(510, ENTRY);
    list.set(u32::MAX, ENTRY);
    assert_eq!(counts(&list), [0]);
    assert_eq!(list.get(510), DevSer::default());
}

#[test]
fn pages_are_as_many_as_the_entries_take() {
    let pages = |entries| Blocks::<HeadPage, Vec<page::Page>>::pages_for(entries);

    assert_eq!([0, 1, 510, 511, 1020, 1021].map(pages), [0, 1, 1, 2, 2, 3]);
}

type Both = Tables<Folio, HeadPage, Vec<page::Page>>;

/// Both tables, with `nr` functions preserved and one of them given back.
fn preserved(nr: u16) -> (Outgoing<Both, Vec<Entry>>, Tree) {
    let mut tree = Tree::default();
    let entries = vec![Entry::default(); 700];
    let mut outgoing = Outgoing::new(Both::NONE, entries);

    for bdf in 0..nr {
        let nr = tree.add(Key::new(0, bdf), false, None);
        assert_eq!(outgoing.preserve(tree.node(nr)), Ok(()));
    }
    assert_eq!(outgoing.unpreserve(tree.node(3)), Ok(()));
    (outgoing, tree)
}

#[test]
fn a_table_that_comes_later_says_the_same() {
    let (mut outgoing, tree) = preserved(600);

    assert!(outgoing.table().is_empty());
    outgoing.change_table(|tables| tables.array = Some(array(700)));
    assert_eq!(outgoing.table().check(), Ok(()));
    assert!(!outgoing.table().is_empty());
    outgoing.change_table(|tables| tables.blocks = Some(list(700)));
    assert_eq!(outgoing.table().check(), Ok(()));
    let blocks = outgoing.table().blocks.as_ref().expect("it is there");
    assert_eq!(counts(blocks), [510, 90]);
    assert_eq!(blocks.head().nr_devices, 599);

    outgoing.change_table(|tables| tables.array = None);
    assert_eq!(outgoing.preserve(tree.node(3)), Ok(()));
    assert_eq!(outgoing.table().check(), Ok(()));
    outgoing.change_table(|tables| tables.array = Some(array(700)));
    assert_eq!(outgoing.table().check(), Ok(()));
    assert_eq!(outgoing.capacity(), 700);
}

#[test]
fn tables_that_differ_are_found_and_the_entry_is_named() {
    let (mut outgoing, _) = preserved(600);
    outgoing.change_table(|tables| {
        (tables.array, tables.blocks) = (Some(array(700)), Some(list(700)));
    });
    let other = DevSer {
        refcount: 2,
        bdf: 550,
        domain: 0,
    };

    outgoing.change_table(|tables| {
        let mut blocks = tables.blocks.take().expect("it is there");
        blocks.set(550, other);
        tables.array = None;
        tables.blocks = Some(blocks);
    });
    assert_eq!(outgoing.table().check(), Ok(()), "it was written again");

    let mut both = Both::NONE;
    (both.array, both.blocks) = (Some(array(700)), Some(list(700)));
    both.set(0, ENTRY);
    both.set_number(1);
    assert_eq!(both.check(), Ok(()));
    if let Some(blocks) = &mut both.blocks {
        blocks.set(0, other);
    }
    assert_eq!(both.check(), Err(Bad::Differ(ENTRY.key(), 0)));
    if let Some(blocks) = &mut both.blocks {
        blocks.set(0, DevSer::default());
        blocks.set(5, other);
    }
    assert_eq!(both.check(), Err(Bad::Differ(ENTRY.key(), 0)));
    both.array = Some(array(700));
    both.set_number(1);
    if let Some(array) = &mut both.array {
        array.set(7, ENTRY);
    }
    assert_eq!(both.check(), Err(Bad::Differ(other.key(), 5)), "the first");
}

#[test]
fn the_memory_is_given_back_as_it_was_written() {
    let (mut array, mut list) = (array(7), list(ENTRIES));

    array.set(5, ENTRY);
    list.set(5, ENTRY);
    assert_eq!(array.into_memory().devices[5], ENTRY);
    let (head, pages) = list.into_memory();
    assert_eq!(
        (head.first, pages[0].devices[5]),
        (pages[0].address(), ENTRY)
    );
}

#[test]
fn each_table_is_checked() {
    let mut both = Both::NONE;
    (both.array, both.blocks) = (Some(array(700)), Some(list(700)));

    if let Some(blocks) = &mut both.blocks {
        blocks.set_number(1);
    }
    assert!(matches!(both.check(), Err(Bad::Blocks(_))));
    if let Some(array) = &mut both.array {
        array.set_number(1);
    }
    assert!(matches!(both.check(), Err(Bad::Array(_))));
}
