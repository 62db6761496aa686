// SPDX-License-Identifier: GPL-2.0

//! The cards that are bound and the files that are open, for callbacks that have to find them.

use crate::{
    card::Card,
    receiver,
    ring::Ring, //
};
use core::ptr;
use kernel::{
    fs::File,
    prelude::*,
    sync::{
        global_lock,
        Arc, //
    }, //
};

/// The lists.
pub(crate) struct Table {
    cards: KVec<Arc<Card>>,
    /// The open files, by their address, and the cards that they were opened for.
    files: KVec<(usize, Arc<Card>)>,
}

global_lock! {
    // SAFETY: The module initializes it before it registers anything.
    pub(crate) unsafe(uninit) static TABLE: Mutex<Table> = Table {
        cards: KVec::new(),
        files: KVec::new(),
    };
}

fn address(file: &File) -> usize {
    ptr::from_ref(file).addr()
}

/// Removes elements, and frees the memory of an empty list, since a static is never dropped.
fn remove<T>(list: &mut KVec<T>, matches: impl Fn(&T) -> bool) {
    list.retain(|element| !matches(element));
    if list.is_empty() {
        *list = KVec::new();
    }
}

impl Table {
    /// Returns the card of that name.
    pub(crate) fn named(&self, name: &CStr) -> Option<Arc<Card>> {
        self.cards.iter().find(|card| card.name() == name).cloned()
    }

    /// Returns the card whose name is in the ring.
    pub(crate) fn owner_of(&self, ring: &Ring) -> Option<Arc<Card>> {
        let mut cards = self.cards.iter();

        cards.find(|card| ring.is_of(card.name())).cloned()
    }

    /// Returns the card whose registers point to a ring at that address.
    pub(crate) fn receiving_at(&self, address: u64) -> Option<Arc<Card>> {
        let is_at = |card: &Card| card.with_bar(|bar| receiver::is_at(bar, address));
        let mut cards = self.cards.iter();

        cards.find(|card| is_at(card).unwrap_or(false)).cloned()
    }

    /// Returns the card that a file was opened for, if it is a file of this driver.
    pub(crate) fn opened_for(&self, file: &File) -> Option<Arc<Card>> {
        let found = self.files.iter().find(|(at, _)| *at == address(file));

        found.map(|(_, card)| card.clone())
    }

    /// Adds a file that was opened.
    pub(crate) fn add_file(&mut self, file: &File, card: Arc<Card>) -> Result {
        Ok(self.files.push((address(file), card), GFP_KERNEL)?)
    }

    /// Removes a file that was closed.
    pub(crate) fn remove_file(&mut self, file: &File) {
        remove(&mut self.files, |(at, _)| *at == address(file));
    }
}

/// The entry of a bound card in the table.
pub(crate) struct Entry(Arc<Card>);

impl Entry {
    /// Adds a card.
    pub(crate) fn new(card: Arc<Card>) -> Result<Self> {
        TABLE.lock().cards.push(card.clone(), GFP_KERNEL)?;
        Ok(Self(card))
    }

    /// Returns the card.
    pub(crate) fn card(&self) -> &Card {
        &self.0
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        remove(&mut TABLE.lock().cards, |card| Arc::ptr_eq(card, &self.0));
    }
}
