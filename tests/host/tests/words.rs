// SPDX-License-Identifier: GPL-2.0

//! What the log says of a handover or of a bridge, where no golden blob has that.

use pci_liveupdate_host::{
    abi::{
        Corrupt,
        CorruptList,
        Key,
        Unreadable, //
    },
    logic::{
        Bad,
        Range,
        Unscannable,
        Unusable, //
    },
};
use std::fmt::Display;

const DISK: Key = Key::new(0, 0x0208);

fn say(what: impl Display, words: &str) {
    assert_eq!(what.to_string(), words);
}

#[test]
fn an_address_without_memory() {
    for (null, found) in [(true, "a null handle"), (false, "none")] {
        let words = format!("at offset 0: expected memory preserved by KHO, found {found}");

        say(Corrupt::Nowhere { null }, &words);
        say(CorruptList::Nowhere { null }, &words);
    }
}

#[test]
fn a_table_that_the_next_kernel_would_refuse() {
    let overfull = Corrupt::Overfull { found: 8, max: 7 };
    let array = "pci-v3: at offset 4: expected nr_devices <= 7, found 8";
    let blocks = "pci: at offset 0: expected version 1 or 2, found 7";
    let differ = "entry 5, 0000:02:01.0, differs in pci-v3 and pci";

    say(Bad::Array(overfull), array);
    say(Bad::Blocks(Unreadable::Version(7)), blocks);
    say(Bad::Differ(DISK, 5), differ);
}

#[test]
fn a_bridge_whose_numbers_cannot_stay() {
    let range = |first, last| Range { first, last };
    let (behind, bus) = (range(10, 12), range(1, 11));
    let why = Unusable::Outside(behind, bus);

    say(why, "[bus 0a-0c] is not within [bus 01-0b]");
    let changed = Unusable::Changed(behind, range(9, 12));
    say(changed, "[bus 0a-0c] was [bus 09-0c] before");
    let bridge = DISK;
    let words = format!("the next kernel would not scan 0000:02:01.0: {why}");
    say(Unscannable { bridge, why }, &words);
}
