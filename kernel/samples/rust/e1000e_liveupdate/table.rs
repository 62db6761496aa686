// SPDX-License-Identifier: GPL-2.0

//! Which cards are bound and which files are open, for callbacks that come with neither.

use crate::{
    card::Card,
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
    /// The files that are open, by their address, and the cards that they were opened for.
    files: KVec<(usize, Arc<Card>)>,
}

global_lock! {
    // SAFETY: Initialized when the module is, before anything is registered.
    pub(crate) unsafe(uninit) static TABLE: Mutex<Table> = Table {
        cards: KVec::new(),
        files: KVec::new(),
    };
}

fn address(file: &File) -> usize {
    ptr::from_ref(file).addr()
}

/// Removes an element, and with the last one the memory: nobody frees what is in a static.
fn remove<T>(list: &mut KVec<T>, gone: impl Fn(&T) -> bool) {
    list.retain(|element| !gone(element));
    if list.is_empty() {
        *list = KVec::new();
    }
}

impl Table {
    /// Returns the card of that name.
    pub(crate) fn named(&self, name: &CStr) -> Option<Arc<Card>> {
        self.cards.iter().find(|card| card.name() == name).cloned()
    }

    /// Returns the card that a ring belongs to.
    pub(crate) fn owner_of(&self, ring: &Ring) -> Option<Arc<Card>> {
        let mut cards = self.cards.iter();

        cards.find(|card| ring.is_of(card.name())).cloned()
    }

    /// Returns the card that a file was opened for, if it is one of ours.
    pub(crate) fn opened_for(&self, file: &File) -> Option<Arc<Card>> {
        let found = self.files.iter().find(|(at, _)| *at == address(file));

        found.map(|(_, card)| card.clone())
    }

    /// A file was opened.
    pub(crate) fn add_file(&mut self, file: &File, card: Arc<Card>) -> Result {
        Ok(self.files.push((address(file), card), GFP_KERNEL)?)
    }

    /// A file was closed.
    pub(crate) fn remove_file(&mut self, file: &File) {
        remove(&mut self.files, |(at, _)| *at == address(file));
    }
}

/// A card in the table, for as long as it is bound.
pub(crate) struct Entry(Arc<Card>);

impl Entry {
    pub(crate) fn new(card: Arc<Card>) -> Result<Self> {
        TABLE.lock().cards.push(card.clone(), GFP_KERNEL)?;
        Ok(Self(card))
    }

    pub(crate) fn card(&self) -> &Card {
        &self.0
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        remove(&mut TABLE.lock().cards, |card| Arc::ptr_eq(card, &self.0));
    }
}
