// SPDX-License-Identifier: GPL-2.0

//! Preserving and unpreserving, one behaviour at a time.

use pci_liveupdate_host::{
    abi::{
        DevSer,
        Key, //
    },
    folio::Folio,
    logic::{
        path,
        Entry,
        Function,
        NotPreserved,
        Outgoing,
        Refused,
        Slot, //
    },
    pair::Snapshot,
    recorder::{
        outgoing,
        Core,
        Recorder,
        Write, //
    },
    tree::Tree,
};
use zerocopy::IntoBytes;

const ROOT: usize = 0;
const PORT: usize = 1;
const DISK: usize = 2;
const CARD: usize = 3;
const ALONE: usize = 4;

/// Two devices below a port and a root port, and one on a root bus.
fn tree() -> Tree {
    let mut tree = Tree::default();
    let key = |bdf| Key::new(0, bdf);

    assert_eq!(tree.add(key(0x0008), true, None), ROOT);
    assert_eq!(tree.add(key(0x0100), true, Some(ROOT)), PORT);
    assert_eq!(tree.add(key(0x0200), false, Some(PORT)), DISK);
    assert_eq!(tree.add(key(0x0208), false, Some(PORT)), CARD);
    assert_eq!(tree.add(key(0x0010), false, None), ALONE);
    tree
}

fn core(room: usize) -> Core {
    outgoing(Folio::for_devices(room))
}

/// The count of a function, as the table has it in the slot of that function.
fn count(core: &Core, function: impl Function) -> u16 {
    let Some(slot) = function.outgoing() else {
        return 0;
    };
    let ser = core.table().memory().devices[slot.index()];

    assert_eq!(ser.key(), function.key());
    ser.refcount
}

fn counts<const N: usize>(core: &Core, tree: &Tree, nrs: [usize; N]) -> [u16; N] {
    nrs.map(|nr| count(core, tree.node(nr)))
}

/// What `step` writes to the table.
fn written(core: &mut Core, step: impl FnOnce(&mut Core)) -> Vec<Write> {
    let before = core.table().writes().len();

    step(core);
    core.table().writes()[before..].to_vec()
}

/// The entries that are freed by `writes`, in that order.
fn freed(writes: &[Write]) -> Vec<u32> {
    let freed = writes.iter().filter_map(|write| match write {
        Write::Entry(nr, ser) if !ser.is_used() => Some(*nr),
        _ => None,
    });

    freed.collect()
}

#[test]
fn a_new_table_is_empty_whatever_the_memory_held() {
    let core = outgoing(Folio::new(4096, &[0xff; 4096]));
    let ser = core.table().memory();

    assert_eq!(ser.max_nr_devices, 511, "the whole folio is used");
    assert_eq!(ser.nr_devices, 0);
    assert_eq!(ser.devices.as_bytes(), [0; 511 * 8]);
    assert_eq!(core.table().check(), Ok(()));
}

#[test]
fn no_device_is_preserved_at_first_whatever_the_entries_held() {
    let mut entry = Entry::default();
    (entry.ser.refcount, entry.own, entry.bridge) = (7, true, true);
    let mut core = Outgoing::new(Recorder::new(Folio::for_devices(3)), vec![entry; 3]);

    assert_eq!(core.iter().count(), 0);
    assert_eq!((core.nr_used(), core.nr_own()), (0, 0));
    assert_eq!(core.preserve(tree().node(DISK)), Ok(()));
    assert_eq!(core.nr_used(), 3);
}

#[test]
fn a_path_leads_from_the_device_to_the_root_port() {
    let tree = tree();
    let nrs = |nr| path(tree.node(nr)).map(|f| f.nr()).collect::<Vec<_>>();

    assert_eq!(nrs(DISK), [DISK, PORT, ROOT]);
    assert_eq!(nrs(ALONE), [ALONE]);
}

#[test]
fn the_device_and_every_bridge_above_it_get_an_entry() {
    let (tree, mut core) = (tree(), core(8));

    assert_eq!(core.preserve(tree.node(DISK)), Ok(()));
    assert_eq!(counts(&core, &tree, [DISK, PORT, ROOT, CARD]), [1, 1, 1, 0]);
    assert_eq!((core.nr_own(), core.nr_used()), (1, 3));
}

#[test]
fn a_device_on_a_root_bus_has_nothing_above_it() {
    let (tree, mut core) = (tree(), core(1));

    assert_eq!(core.preserve(tree.node(ALONE)), Ok(()));
    assert_eq!(core.table().memory().nr_devices, 1);
    assert_eq!(count(&core, tree.node(ALONE)), 1);
}

#[test]
fn a_bridge_is_counted_once_for_every_preserved_device_below_it() {
    let (tree, mut core) = (tree(), core(8));

    assert_eq!(core.preserve(tree.node(DISK)), Ok(()));
    assert_eq!(core.preserve(tree.node(CARD)), Ok(()));
    assert_eq!(counts(&core, &tree, [PORT, ROOT]), [2, 2]);
    assert_eq!(core.unpreserve(tree.node(DISK)), Ok(()));
    assert_eq!(counts(&core, &tree, [PORT, ROOT]), [1, 1]);
}

#[test]
fn a_bridge_that_a_driver_preserves_is_counted_once_more() {
    let (tree, mut core) = (tree(), core(8));
    let port = tree.node(PORT);

    assert_eq!(core.preserve(tree.node(DISK)), Ok(()));
    assert_eq!(core.preserve(port), Ok(()));
    assert_eq!(counts(&core, &tree, [PORT, ROOT]), [2, 2]);
    assert_eq!(core.preserve(port), Err(Refused::Busy));
    assert_eq!(core.unpreserve(port), Ok(()));
    assert_eq!(counts(&core, &tree, [PORT, ROOT]), [1, 1]);
    assert!(port.outgoing().is_some() && !core.is_own(port));
}

#[test]
fn a_device_that_is_already_preserved_is_busy() {
    let (tree, mut core) = (tree(), core(8));

    assert_eq!(core.preserve(tree.node(DISK)), Ok(()));
    let before = Snapshot::of(&core, &tree);
    let writes = written(&mut core, |core| {
        assert_eq!(core.preserve(tree.node(DISK)), Err(Refused::Busy));
    });
    assert!(writes.is_empty() && Snapshot::of(&core, &tree) == before);
}

#[test]
fn a_full_table_refuses_at_each_function_of_the_path_and_nothing_has_changed() {
    for room in 0..3 {
        let (tree, mut core) = (tree(), core(room));
        let empty = Snapshot::of(&core, &tree);

        assert_eq!(core.preserve(tree.node(DISK)), Err(Refused::Full));
        assert!(Snapshot::of(&core, &tree) == empty, "room for {room}");
        assert_eq!(core.table().check(), Ok(()));
    }
}

#[test]
fn at_65535_a_count_does_not_wrap_and_nothing_has_changed() {
    for full in [DISK, PORT, ROOT] {
        let tree = tree().fill(full, u16::MAX);
        let mut core = core(1 << 17);
        for filler in tree.fillers() {
            assert_eq!(core.preserve(filler), Ok(()));
        }

        let before = Snapshot::of(&core, &tree);
        let overflow = Refused::Overflow(tree.node(full).key());
        assert_eq!(core.preserve(tree.node(DISK)), Err(overflow));
        assert!(Snapshot::of(&core, &tree) == before);

        let first = tree.fillers().next().expect("there are fillers");
        assert_eq!(core.unpreserve(first), Ok(()));
        assert_eq!(core.preserve(tree.node(DISK)), Ok(()));
        assert_eq!(count(&core, tree.node(full)), u16::MAX);
    }
}

#[test]
fn a_failure_gives_the_counts_back_in_reverse_order() {
    let (tree, mut core) = (tree(), core(2));
    let mut slots = Vec::new();

    let writes = written(&mut core, |core| {
        assert_eq!(core.preserve(tree.node(DISK)), Err(Refused::Full));
    });
    for write in &writes {
        match write {
            Write::Entry(nr, ser) if ser.is_used() => slots.push(*nr),
            _ => (),
        }
    }
    assert_eq!(slots.len(), 2, "the device and the port had an entry");
    slots.reverse();
    assert_eq!(freed(&writes), slots);
}

#[test]
fn after_a_failure_the_next_device_gets_the_entry_that_it_would_have_got() {
    let (tree, mut core, mut other) = (tree(), core(2), core(2));
    let second = tree.rebooted();

    assert_eq!(core.preserve(tree.node(DISK)), Err(Refused::Full));
    assert_eq!(core.preserve(tree.node(ALONE)), Ok(()));
    assert_eq!(other.preserve(second.node(ALONE)), Ok(()));
    assert!(Snapshot::of(&core, &tree) == Snapshot::of(&other, &second));
}

#[test]
fn a_freed_entry_is_zeroed_in_the_table_and_no_function_has_it() {
    let (tree, mut core) = (tree(), core(8));

    assert_eq!(core.preserve(tree.node(DISK)), Ok(()));
    assert_eq!(core.preserve(tree.node(CARD)), Ok(()));
    let slot = tree.node(DISK).outgoing().expect("it is preserved");
    let bridges = [PORT, ROOT].map(|nr| tree.node(nr).outgoing());

    let writes = written(&mut core, |core| {
        assert_eq!(core.unpreserve(tree.node(DISK)), Ok(()));
    });
    assert_eq!(freed(&writes), [slot.nr()], "the bridges are still used");
    let freed = core.table().memory().devices[slot.index()];
    assert_eq!(freed, DevSer::default());
    assert_eq!(tree.node(DISK).outgoing(), None);
    assert_eq!([PORT, ROOT].map(|nr| tree.node(nr).outgoing()), bridges);
}

#[test]
fn a_device_that_is_preserved_again_changes_its_own_entry_and_its_path_only() {
    let (tree, mut core) = (tree(), core(8));

    for nr in [DISK, CARD, ALONE] {
        assert_eq!(core.preserve(tree.node(nr)), Ok(()));
    }
    let before = Snapshot::of(&core, &tree);
    assert_eq!(core.unpreserve(tree.node(CARD)), Ok(()));
    let writes = written(&mut core, |core| {
        assert_eq!(core.preserve(tree.node(CARD)), Ok(()));
    });

    assert!(
        Snapshot::of(&core, &tree) == before,
        "as if nothing happened"
    );
    let expected = [CARD, PORT, ROOT].map(|nr| tree.node(nr).outgoing().map(Slot::nr));
    let entries = writes.iter().filter_map(|write| match write {
        Write::Entry(nr, _) | Write::Count(nr, _) => Some(Some(*nr)),
        Write::Number(_) => None,
    });
    assert_eq!(entries.collect::<Vec<_>>(), expected);
}

#[test]
fn a_freed_entry_is_used_again_before_one_that_never_was() {
    let mut tree = tree();
    let other = tree.add(Key::new(0, 0x0018), true, None);
    let mut core = core(8);

    for nr in [DISK, ALONE] {
        assert_eq!(core.preserve(tree.node(nr)), Ok(()));
    }
    let slot = tree.node(ALONE).outgoing();
    assert_eq!(core.unpreserve(tree.node(ALONE)), Ok(()));
    assert_eq!(core.preserve(tree.node(other)), Ok(()));
    assert_eq!(tree.node(other).outgoing(), slot);
    assert_eq!(tree.node(ALONE).outgoing(), None);

    let entry = core.iter().find(|e| e.ser.key() == tree.node(other).key());
    assert!(entry.is_some_and(|e| e.own && e.bridge && e.ser.refcount == 1));
}

#[test]
fn free_entries_may_be_anywhere_in_the_table() {
    let mut tree = Tree::default();
    let mut core = core(8);
    for nr in 0..8 {
        let nr = tree.add(Key::new(0, 8 * nr), false, None);
        assert_eq!(core.preserve(tree.node(nr)), Ok(()));
    }

    for nr in [6, 0, 3] {
        assert_eq!(core.unpreserve(tree.node(nr)), Ok(()));
        assert_eq!(core.table().check(), Ok(()));
    }
    let used = core.table().memory().devices.iter().map(DevSer::is_used);
    let expected = [false, true, true, false, true, true, false, true];
    assert_eq!(used.collect::<Vec<_>>(), expected);
    assert_eq!(core.table().memory().nr_devices, 5);
}

#[test]
fn unpreserving_what_is_not_preserved_changes_nothing() {
    let (tree, mut core) = (tree(), core(8));

    assert_eq!(core.preserve(tree.node(DISK)), Ok(()));
    let before = Snapshot::of(&core, &tree);
    for nr in [CARD, PORT, ROOT, ALONE] {
        assert_eq!(core.unpreserve(tree.node(nr)), Err(NotPreserved));
    }
    assert!(Snapshot::of(&core, &tree) == before);
}

#[test]
fn the_same_function_of_two_segments_is_two_functions() {
    let mut tree = tree();
    let other = tree.add(Key::new(0x1_0000, 0x0010), false, None);
    let mut core = core(8);

    assert_eq!(core.preserve(tree.node(ALONE)), Ok(()));
    assert_eq!(core.preserve(tree.node(other)), Ok(()));
    assert_eq!(core.unpreserve(tree.node(ALONE)), Ok(()));
    assert_eq!(counts(&core, &tree, [ALONE, other]), [0, 1]);
}

#[test]
fn the_slot_of_the_other_direction_is_left_alone() {
    let (tree, mut core) = (tree(), core(8));
    let slot = Slot::of(77);

    path(tree.node(DISK)).for_each(|function| function.set_incoming(slot));
    assert_eq!(core.preserve(tree.node(DISK)), Ok(()));
    assert_eq!(core.unpreserve(tree.node(DISK)), Ok(()));
    assert!(path(tree.node(DISK)).all(|function| function.incoming() == slot));
}

#[test]
fn a_refusal_says_the_reason() {
    let refusals = [
        (Refused::Busy, "already preserved"),
        (Refused::Full, "no free entry for the next kernel"),
        (
            Refused::Overflow(Key::new(0, 0x0008)),
            "65535 devices at or below 0000:00:01.0 are preserved",
        ),
    ];

    for (refused, reason) in refusals {
        assert_eq!(refused.to_string(), reason);
    }
}
