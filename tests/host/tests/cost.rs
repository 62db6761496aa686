// SPDX-License-Identifier: GPL-2.0

//! A step costs the same however many devices there are.
//!
//! What is counted is every use of the entries, of the table or the index, and of a function.

use pci_liveupdate_host::{
    abi::{
        DevSer,
        Key, //
    },
    folio::Folio,
    logic::{
        Arrival,
        Entry,
        Incoming,
        Outgoing,
        Refused, //
    },
    map::Map,
    recorder::Recorder,
    tree::Tree, //
};
use std::{
    cell::Cell,
    iter,
    ops::{
        Deref,
        DerefMut, //
    },
    rc::Rc,
};

/// Entries that count how often they are used.
struct Counted<T> {
    entries: Vec<T>,
    uses: Rc<Cell<usize>>,
}

impl<T> Counted<T> {
    fn new(entries: Vec<T>, uses: &Rc<Cell<usize>>) -> Self {
        Self {
            entries,
            uses: uses.clone(),
        }
    }

    fn count(&self) {
        self.uses.set(self.uses.get() + 1);
    }
}

impl<T> Deref for Counted<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.count();
        &self.entries
    }
}

impl<T> DerefMut for Counted<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.count();
        &mut self.entries
    }
}

/// The uses of the entries, of the table or the index, and of functions.
type Cost = [usize; 3];

fn difference(after: Cost, before: Cost) -> Cost {
    [0, 1, 2].map(|what| after[what] - before[what])
}

/// The functions on the longest path.
const PATH: usize = 3;

/// `n` devices, each alone on a root bus, and then one below two bridges.
fn tree(n: usize) -> Tree {
    let mut tree = Tree::default();

    for bdf in (0..=u16::MAX).take(n) {
        tree.add(Key::new(0, bdf), false, None);
    }
    let root = tree.add(Key::new(9, 0x0008), true, None);
    let port = tree.add(Key::new(9, 0x0100), true, Some(root));
    tree.add(Key::new(9, 0x0200), false, Some(port));
    tree
}

type Core = Outgoing<Recorder, Counted<Entry>>;

/// An outgoing side that is watched, and the functions that it counts.
struct Old {
    core: Core,
    tree: Tree,
    uses: Rc<Cell<usize>>,
}

impl Old {
    /// `n` devices are preserved, and `room` entries are free.
    fn new(n: usize, room: usize) -> Self {
        let uses = Rc::default();
        let table = Recorder::new(Folio::for_devices(n + room));
        let entries = Counted::new(vec![Entry::default(); n + room], &uses);
        let mut core = Outgoing::new(table, entries);
        let tree = tree(n);

        for nr in 0..n {
            assert_eq!(core.preserve(tree.node(nr)), Ok(()));
        }
        Self { core, tree, uses }
    }

    fn used(&self) -> Cost {
        let writes = self.core.table().writes().len();

        [self.uses.get(), writes, self.tree.calls()]
    }

    /// What it costs to preserve function `nr`, and the answer.
    fn preserve(&mut self, nr: usize) -> (Cost, Result<(), Refused>) {
        let before = self.used();
        let result = self.core.preserve(self.tree.node(nr));

        (difference(self.used(), before), result)
    }

    /// What it costs to unpreserve function `nr`.
    fn unpreserve(&mut self, nr: usize) -> Cost {
        let before = self.used();

        assert_eq!(self.core.unpreserve(self.tree.node(nr)), Ok(()));
        difference(self.used(), before)
    }
}

/// What it costs, when `n` devices are preserved, to preserve one more, to unpreserve the first, to
/// preserve that again, and to unpreserve the one more.
fn outgoing(n: usize) -> [Cost; 4] {
    let mut old = Old::new(n, PATH);
    let last = old.tree.nr_nodes() - 1;
    let (last_on, result) = old.preserve(last);
    let first_off = old.unpreserve(0);
    let (first_on, again) = old.preserve(0);

    assert_eq!((result, again), (Ok(()), Ok(())));
    [last_on, first_off, first_on, old.unpreserve(last)]
}

/// What it costs to preserve a device when `n` entries were used and given back.
fn reused(n: usize) -> Cost {
    let mut old = Old::new(n, 0);

    for nr in 0..n {
        old.unpreserve(nr);
    }
    let (cost, result) = old.preserve(old.tree.nr_nodes() - 1);
    assert_eq!(result, Ok(()));
    cost
}

/// What it costs, when `n` devices are preserved, that there is no entry for the last function of
/// a path.
fn refused(n: usize) -> Cost {
    let mut old = Old::new(n, PATH - 1);
    let (cost, result) = old.preserve(old.tree.nr_nodes() - 1);

    assert_eq!(result, Err(Refused::Full));
    cost
}

/// What it costs, when `n` devices and what is above them were handed over, that the last device
/// arrives, departs, comes back, and is finished.
fn incoming(n: usize) -> [Cost; 4] {
    let tree = tree(n);
    let (uses, calls) = (Rc::default(), Rc::default());
    let entries = Counted::new(arrivals(n), &uses);
    let Ok(mut core) = Incoming::new(entries, Map::counted(&calls)) else {
        panic!("no function is named twice");
    };
    let above = n..n + PATH - 1;
    let last = tree.node(n + PATH - 1);

    assert!(above.clone().all(|nr| core.arrive(tree.node(nr))));
    [0, 1, 2, 3].map(|step| {
        let before = [uses.get(), calls.get(), tree.calls()];
        match step {
            1 => core.depart(last),
            3 => assert_eq!(core.finish(last), Ok(0)),
            _ => assert!(core.arrive(last)),
        }
        difference([uses.get(), calls.get(), tree.calls()], before)
    })
}

/// All functions of a tree with `n` devices, as they are handed over.
fn arrivals(n: usize) -> Vec<Arrival> {
    let alone = (0..=u16::MAX).take(n).map(|bdf| (0, bdf));
    let path = [(9, 0x0008), (9, 0x0100), (9, 0x0200)];
    let sers = alone.chain(path).map(|(domain, bdf)| DevSer {
        domain,
        bdf,
        refcount: 1,
    });

    iter::zip(0.., sers)
        .map(|(nr, ser)| Arrival::new(nr, &ser))
        .collect()
}

#[test]
fn preserving_and_unpreserving_cost_the_same_with_1_and_with_65536_devices() {
    assert_eq!(outgoing(1), outgoing(65_536));
}

#[test]
fn a_free_entry_costs_the_same_whether_3_or_65536_were_given_back() {
    assert_eq!(reused(PATH), reused(65_536));
}

#[test]
fn a_failure_costs_the_same_with_1_and_with_65536_devices() {
    assert_eq!(refused(1), refused(65_536));
}

#[test]
fn arriving_and_finishing_cost_the_same_with_1_and_with_65536_devices() {
    assert_eq!(incoming(1), incoming(65_536));
}

#[test]
fn nothing_is_looked_up_after_a_function_has_arrived() {
    let [arrive, depart, again, finish] = incoming(256).map(|[_, index, _]| index);

    assert_eq!((arrive, again), (1, 1));
    assert_eq!((depart, finish), (0, 0));
}

#[test]
fn no_step_costs_more_than_a_few_operations_per_function_of_the_path() {
    let (outgoing, incoming) = (outgoing(65_536), incoming(65_536));
    let steps = outgoing.into_iter().chain(incoming);

    for cost in steps.chain([reused(65_536), refused(65_536)]) {
        // A failure walks the path again, to where it ended and back.
        assert!(cost.iter().sum::<usize>() <= 14 * PATH, "{cost:?}");
    }
}
