// SPDX-License-Identifier: GPL-2.0

//! The table in the layout of `pci-v3`.

use pci_liveupdate_host::{
    abi::{
        Corrupt,
        DevSer,
        Ser, //
    },
    folio::Folio,
    logic::{
        Array,
        Table, //
    },
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
