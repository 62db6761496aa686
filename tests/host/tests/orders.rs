// SPDX-License-Identifier: GPL-2.0

//! Every order of steps, up to a number of them: two devices behind a switch, and one on the root
//! bus.
//!
//! A state that was met before goes on as it did then, so each step is tried once in each state.
//! `ORDERS=N` tries sequences of another length:
//!
//! ```text
//!   ORDERS=8 cargo test --test orders -- --nocapture
//! ```

use pci_liveupdate_host::{
    abi::Key,
    machine::{
        Machine,
        Step, //
    },
    tree::Tree, //
};
use std::{
    collections::HashMap,
    env,
    thread, //
};

/// The steps of a sequence.
const MOST: usize = 7;

/// How many states they lead to, and how many sequences there are. Fewer is less tested.
const STATES: usize = 39_220;
const SEQUENCES: u64 = 624_530_955;

const SWITCH: usize = 1;
const DISK: usize = 4;
const CARD: usize = 5;
const ALONE: usize = 6;

/// The entries of a table: enough for any two of the devices.
const ROOM: usize = 6;

/// All steps.
const STEPS: [Step; 23] = [
    Step::Preserve(DISK),
    Step::Preserve(CARD),
    Step::Preserve(ALONE),
    Step::Unpreserve(DISK),
    Step::Unpreserve(CARD),
    Step::Unpreserve(ALONE),
    Step::Remove(DISK),
    Step::Remove(CARD),
    Step::Remove(ALONE),
    Step::Remove(SWITCH),
    Step::Plug(DISK),
    Step::Plug(CARD),
    Step::Plug(ALONE),
    Step::Rescan,
    Step::Freeze,
    Step::Jump,
    Step::Arrive(DISK),
    Step::Arrive(CARD),
    Step::Arrive(ALONE),
    Step::Finish(DISK),
    Step::Finish(CARD),
    Step::Finish(ALONE),
    // Incoming, but for the devices below it.
    Step::Finish(SWITCH),
];

fn tree() -> Tree {
    let mut tree = Tree::default();
    let root = tree.add(Key::new(0, 0x0008), true, None);
    let switch = tree.add(Key::new(0, 0x0100), true, Some(root));
    let left = tree.add(Key::new(0, 0x0200), true, Some(switch));
    let right = tree.add(Key::new(0, 0x0208), true, Some(switch));

    assert_eq!(switch, SWITCH);
    assert_eq!(tree.add(Key::new(0, 0x0300), false, Some(left)), DISK);
    assert_eq!(tree.add(Key::new(0, 0x0400), false, Some(right)), CARD);
    assert_eq!(tree.add(Key::new(0, 0x0010), false, None), ALONE);
    tree
}

/// Steps that are being taken, which are told if the test fails.
struct Told<'a>(&'a [u8]);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let steps: Vec<_> = self.0.iter().map(|&nr| STEPS[usize::from(nr)]).collect();
            eprintln!("after {steps:?}");
        }
    }
}

/// The machine after some steps.
fn after<'a>(tree: &'a Tree, steps: &[u8]) -> Machine<'a> {
    let mut machine = Machine::new(tree, ROOM);

    for &nr in steps {
        machine.take(STEPS[usize::from(nr)]);
    }
    machine
}

/// The states that were met: the shortest way to each, and what each step leads to.
struct Met {
    tree: Tree,
    numbers: HashMap<Vec<u8>, u32>,
    ways: Vec<Vec<u8>>,
    next: Vec<Vec<u32>>,
}

impl Met {
    fn new() -> Self {
        let mut met = Self {
            tree: tree(),
            numbers: HashMap::new(),
            ways: Vec::new(),
            next: Vec::new(),
        };

        met.number(Vec::new());
        met
    }

    /// The number of the state after some steps, which is compared with the models if it is new.
    fn number(&mut self, steps: Vec<u8>) -> u32 {
        let _told = Told(&steps);
        let state = after(&self.tree, &steps).state();
        let new = u32::try_from(self.ways.len()).expect("there are fewer");

        let nr = *self.numbers.entry(state).or_insert(new);
        if nr == new {
            after(&self.tree, &steps).compare();
            self.ways.push(steps.clone());
        }
        nr
    }

    /// Tries each step in each state that is new.
    fn go_on(&mut self) {
        for nr in self.next.len()..self.ways.len() {
            let way = self.ways[nr].clone();
            let machine = after(&self.tree, &way);
            let can: Vec<_> = STEPS.map(|step| machine.can(step)).into();

            let steps = (0u8..).zip(can).filter(|(_, can)| *can);
            let next = steps.map(|(step, _)| self.number([&way[..], &[step]].concat()));
            let next = next.collect();
            self.next.push(next);
        }
    }

    /// How many sequences of that many steps there are.
    fn nr_sequences(&self, steps: usize) -> u64 {
        let mut ways = vec![0u64; self.ways.len()];

        ways[0] = 1;
        for _ in 0..steps {
            let mut longer = vec![0; ways.len()];
            for (next, ways) in self.next.iter().zip(&ways) {
                next.iter().for_each(|&nr| longer[nr as usize] += ways);
            }
            ways = longer;
        }
        ways.iter().sum()
    }
}

#[test]
fn after_every_sequence_of_steps_both_sides_are_those_of_the_models() {
    let most = env::var("ORDERS").map_or(MOST, |most| most.parse().expect("a number"));
    let mut met = Met::new();

    for _ in 0..most {
        met.go_on();
    }
    let found = (met.ways.len(), met.nr_sequences(most));
    println!(
        "{} states, for {} sequences of {most} steps",
        found.0, found.1
    );
    assert!(most != MOST || found == (STATES, SEQUENCES), "{found:?}");
}
