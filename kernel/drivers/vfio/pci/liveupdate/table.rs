// SPDX-License-Identifier: GPL-2.0

//! The files that LUO holds.
//!
//! The list is how a device finds its file when its driver is unbound, and how the new kernel finds
//! the device of a file. What happens to a file happens with the state of its entry locked.

use crate::{
    handler,
    vfio::{
        self,
        Marked, //
    }, //
};
use core::{
    mem,
    ptr, //
};
use kernel::{
    fs::File,
    new_mutex,
    pci,
    prelude::*,
    sync::{
        aref::ARef,
        global_lock,
        Arc,
        Mutex, //
    }, //
};

/// What a file is to LUO.
pub(crate) enum State {
    /// It is preserved for the next kernel. The fields are dropped in this order.
    Outgoing {
        /// The device, as the PCI core preserves it.
        outgoing: pci::liveupdate::Outgoing,
        /// The device, as VFIO marks it.
        marked: Marked,
    },
    /// It was retrieved.
    Incoming,
    /// Its device was closed, because the driver was unbound.
    Dead,
}

/// A file that LUO holds.
#[pin_data]
pub(crate) struct Entry {
    pub(crate) pdev: ARef<pci::Device>,
    /// The address of the file.
    key: usize,
    #[pin]
    pub(crate) state: Mutex<State>,
}

/// An element of the list.
struct Slot {
    entry: Arc<Entry>,
    /// Whether the file has its device.
    open: bool,
}

global_lock! {
    // SAFETY: `init()` initializes it before the handler is registered.
    unsafe(uninit) static SLOTS: Mutex<KVec<Slot>> = KVec::new();
}

/// To be called once, before anything else.
pub(crate) fn init() {
    // SAFETY: Built-in code is initialized once.
    unsafe { SLOTS.init() };
}

/// What tells a file that LUO holds from others.
fn key(file: &File) -> usize {
    ptr::from_ref(file).addr()
}

impl Entry {
    /// Adds a file to the list.
    pub(crate) fn add(file: &File, pdev: ARef<pci::Device>, state: State) -> Result<Arc<Self>> {
        let entry = Arc::pin_init(
            pin_init!(Self {
                pdev,
                key: key(file),
                state <- new_mutex!(state),
            }),
            GFP_KERNEL,
        )?;
        let slot = Slot {
            entry: entry.clone(),
            open: true,
        };

        SLOTS.lock().push(slot, GFP_KERNEL)?;
        Ok(entry)
    }

    /// Returns the entry of a file.
    pub(crate) fn of(file: &File) -> Option<Arc<Self>> {
        let slots = SLOTS.lock();
        let found = slots.iter().find(|slot| slot.entry.key == key(file));

        found.map(|slot| slot.entry.clone())
    }

    /// Removes the file from the list.
    pub(crate) fn remove(&self) {
        SLOTS
            .lock()
            .retain(|slot| !ptr::eq(ptr::from_ref(&*slot.entry), self));
    }

    /// Ends what LUO has of a retrieved file. Returns the device.
    pub(crate) fn finish(&self, file: &File) -> ARef<pci::Device> {
        let mut state = self.state.lock();

        self.remove();
        if matches!(*state, State::Incoming) {
            vfio::finish(file);
        }
        *state = State::Dead;
        self.pdev.clone()
    }

    /// Closes the device of the file, unless somebody holds the file.
    fn give_up(&self) -> bool {
        let mut state = self.state.lock();

        if matches!(*state, State::Dead) || !vfio::is_unused(&self.pdev) {
            return false;
        }
        // The device goes back to the PCI core first: what is closed must not count as preserved.
        if let State::Outgoing { outgoing, marked } = mem::replace(&mut *state, State::Dead) {
            drop(outgoing);
            marked.forget();
        }
        self.set_closed();
        vfio::close(&self.pdev);
        // Closing stops it only if it was bound. Nobody can retrieve it again.
        handler::stop(&self.pdev, c"its driver is unbound");
        dev_warn!(
            self.pdev,
            "given back, since its driver is unbound; its file in a Live Update session is dead\n"
        );
        true
    }

    fn set_closed(&self) {
        for slot in SLOTS.lock().iter_mut() {
            if ptr::eq(ptr::from_ref(&*slot.entry), self) {
                slot.open = false;
            }
        }
    }
}

/// Closes a device whose driver is being unbound, if LUO holds the file and nobody else does.
pub(crate) fn give_up(dev: &pci::Device) -> bool {
    let found = SLOTS
        .lock()
        .iter()
        .find(|slot| slot.open && ptr::eq(ptr::from_ref(&*slot.entry.pdev), dev))
        .map(|slot| slot.entry.clone());

    found.is_some_and(|entry| entry.give_up())
}
