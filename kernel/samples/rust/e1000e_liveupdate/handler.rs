// SPDX-License-Identifier: GPL-2.0

//! The file handler of the driver.
//!
//! There is little to do, since the ring was designed for this: it is in memory that is preserved
//! from the start, and it holds the position of user space. The card goes on without the driver.

use crate::{
    card::{
        Card,
        State, //
    },
    memory::COMPATIBLE,
    ring::Ring,
    table::TABLE, //
};
use kernel::{
    fs::{
        file::flags,
        File, //
    },
    kho::{
        Address,
        Dma,
        Handle, //
    },
    liveupdate::file::{
        Finish,
        Handler,
        Incoming,
        NotRetrieved, //
    },
    miscdevice::MiscDeviceRegistration,
    pci,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    }, //
};

/// The handler.
pub(crate) struct Files;

/// Sets whether user space may take frames. Fails if the card has no ring any more.
fn set_frozen(file: &File, frozen: bool) -> Result {
    let card = TABLE.lock().opened_for(file).ok_or(ENODEV)?;
    let mut state = card.state.lock();

    match &mut *state {
        State::Running(ring) => {
            ring.frozen = frozen;
            Ok(())
        }
        _ => {
            dev_err!(card.pdev, "was unbound after its file was preserved\n");
            Err(ENODEV)
        }
    }
}

/// Takes over the ring of the previous kernel, and looks up its card.
///
/// On failure the ring is leaked, since the card may be writing to it.
fn take_over(handle: Handle<Dma>) -> Result<(Ring, Arc<Card>)> {
    let ring = Ring::take(handle)?;
    let card = TABLE.lock().owner_of(&ring);

    match card {
        Some(card) => Ok((ring, card)),
        None => {
            pr_err!("the card of a preserved ring is not bound\n");
            Err(ENODEV)
        }
    }
}

/// Returns the card whose ring is at that address, even if the ring cannot be read.
fn card_at(address: u64) -> Option<Arc<Card>> {
    TABLE.lock().receiving_at(address)
}

/// Resets a card whose file was not retrieved, and frees its ring if there is one.
fn discard(card: Arc<Card>, ring: Option<Ring>) -> Option<Arc<Card>> {
    match card.discard(ring) {
        Ok(()) => Some(card),
        Err(err) => {
            dev_err!(card.pdev, "cannot be reset: {err:?}\n");
            None
        }
    }
}

#[vtable]
impl Handler for Files {
    const COMPATIBLE: &'static CStr = COMPATIBLE;

    /// The card receives into the ring all the time.
    type Access = Dma;
    type Outgoing = KBox<pci::liveupdate::Outgoing>;

    fn can_preserve(file: &File) -> bool {
        TABLE.lock().opened_for(file).is_some()
    }

    fn preserve(file: &File) -> Result<(Address<Dma>, Self::Outgoing)> {
        let card = TABLE.lock().opened_for(file).ok_or(ENODEV)?;
        let address = match &*card.state.lock() {
            State::Running(ring) => ring.address(),
            _ => return Err(ENODEV),
        };
        let outgoing = card.pdev.liveupdate_preserve()?;

        Ok((address, KBox::new(outgoing, GFP_KERNEL)?))
    }

    /// The position of user space in the ring must not change any more.
    fn freeze(file: &File, _outgoing: &mut pci::liveupdate::Outgoing) -> Result {
        set_frozen(file, true)
    }

    fn unfreeze(file: &File, _outgoing: &mut pci::liveupdate::Outgoing) {
        // It fails only if the card was unbound, and then nobody takes frames.
        let _ = set_frozen(file, false);
    }

    fn retrieve(handle: Handle<Dma>) -> Result<ARef<File>, NotRetrieved<Dma>> {
        let (ring, card) = take_over(handle)?;
        let file =
            MiscDeviceRegistration::<Card>::anon_file(c"[e1000e]", card.clone(), flags::O_RDWR)?;

        TABLE.lock().add_file(&file, card.clone())?;
        // Last, because it cannot be undone.
        card.take_over(ring)?;
        Ok(file)
    }

    /// Stops a card whose ring nobody took over. The ring may be freed, or be in memory that
    /// another file of the session frees.
    fn can_finish(incoming: &Incoming<'_, Dma>) -> bool {
        let address = match incoming {
            Incoming::Retrieved(_) => return true,
            Incoming::Untouched(handle) => handle.as_raw(),
            Incoming::Failed { address, .. } => *address,
        };

        if let Some(card) = card_at(address) {
            card.stop();
        }
        true
    }

    fn finish(incoming: Incoming<'_, Dma>, finish: Finish<'_>) {
        let card = match incoming {
            // Nothing changes for the card. From now on it belongs to this kernel.
            Incoming::Retrieved(file) => TABLE.lock().opened_for(&file),
            Incoming::Untouched(handle) => {
                let card = card_at(handle.as_raw());
                let ring = Ring::take(handle).ok();

                card.and_then(|card| discard(card, ring))
            }
            Incoming::Failed { address, .. } => {
                card_at(address).and_then(|card| discard(card, None))
            }
        };

        // The PCI core names a card that is not finished.
        if let Some(card) = card {
            card.pdev.liveupdate_finish(finish);
        }
    }
}
