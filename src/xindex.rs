// SPDX-License-Identifier: GPL-2.0

//! The index of the logic, as an xarray.

use crate::{
    abi::Key,
    logic::Index, //
};
use kernel::{
    prelude::*,
    xarray::{
        AllocKind,
        XArray, //
    }, //
};

/// An xarray with a small box for each function, under [`Key::index`].
pub(crate) struct XIndex<T>(Pin<KBox<XArray<KBox<T>>>>);

impl<T> XIndex<T> {
    /// Creates an empty one.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(KBox::pin_init(
            XArray::new(AllocKind::Alloc),
            GFP_KERNEL,
        )?))
    }
}

/// A key as an index: no bit of it is lost where `unsigned long` has 64.
fn index(key: Key) -> usize {
    // CAST: `CONFIG_PCI_LIVEUPDATE` depends on `CONFIG_64BIT`.
    key.index() as usize
}

impl<T: Copy> Index for XIndex<T> {
    type Slot = T;
    type Error = Error;

    fn get(&self, key: Key) -> Option<T> {
        self.0.lock().get(index(key)).copied()
    }

    fn insert(&mut self, key: Key, slot: T) -> Result {
        let slot = KBox::new(slot, GFP_KERNEL)?;

        self.0.lock().store(index(key), slot, GFP_KERNEL)?;
        Ok(())
    }

    fn update(&mut self, key: Key, change: impl FnOnce(&mut T)) {
        if let Some(slot) = self.0.lock().get_mut(index(key)) {
            change(slot);
        }
    }

    fn remove(&mut self, key: Key) {
        self.0.lock().remove(index(key));
    }
}
