// SPDX-License-Identifier: GPL-2.0

//! The files of the driver, as the Live Update Orchestrator sees them.
//!
//! There is little to do, because the ring is made for this from the start: it lies in memory that
//! the next kernel finds, it says itself how far user space has read, and the card needs nobody to
//! go on with it.

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
    kho,
    liveupdate::file::{
        Handler,
        Incoming, //
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

/// Holds user space back, or lets it go on. A card without a ring cannot be handed over.
fn set_frozen(file: &File, frozen: bool) -> Result {
    let card = TABLE.lock().opened_for(file).ok_or(ENODEV)?;
    let mut state = card.state.lock();

    match &mut *state {
        State::Running(ring) => {
            ring.frozen = frozen;
            Ok(())
        }
        _ => {
            dev_err!(card.pdev, "unbound since it was preserved\n");
            Err(ENODEV)
        }
    }
}

/// Takes what the previous kernel handed over, with the card it is for.
///
/// On failure the memory is lost until the next boot. It must be: the card is writing into it.
fn adopt(handle: kho::Handle) -> Result<(Ring, Arc<Card>)> {
    let ring = Ring::adopt(handle)?;
    let card = TABLE.lock().owner_of(&ring);

    match card {
        Some(card) => Ok((ring, card)),
        None => {
            pr_err!("the card of a ring of the previous kernel is not bound\n");
            Err(ENODEV)
        }
    }
}

fn finish_device(card: &Card) {
    if let Some(incoming) = card.pdev.liveupdate_incoming() {
        incoming.finish();
    }
}

#[vtable]
impl Handler for Files {
    const COMPATIBLE: &'static CStr = COMPATIBLE;

    type Outgoing = KBox<pci::liveupdate::Outgoing>;

    fn can_preserve(file: &File) -> bool {
        TABLE.lock().opened_for(file).is_some()
    }

    fn preserve(file: &File) -> Result<(u64, Self::Outgoing)> {
        let card = TABLE.lock().opened_for(file).ok_or(ENODEV)?;
        let handle = match &*card.state.lock() {
            State::Running(ring) => ring.handle(),
            _ => return Err(ENODEV),
        };

        // From here on the PCI core leaves the card and the way to it alone.
        let running = card.pdev.liveupdate_preserve()?;

        Ok((handle, KBox::new(running, GFP_KERNEL)?))
    }

    /// The position of user space in the ring must not change any more.
    fn freeze(file: &File, _running: &mut pci::liveupdate::Outgoing) -> Result {
        set_frozen(file, true)
    }

    fn unfreeze(file: &File, _running: &mut pci::liveupdate::Outgoing) {
        // The only failure is a card that is gone, and nobody reads from that.
        let _ = set_frozen(file, false);
    }

    fn retrieve(handle: kho::Handle) -> Result<ARef<File>> {
        let (ring, card) = adopt(handle)?;
        let file =
            MiscDeviceRegistration::<Card>::anon_file(c"[e1000e]", card.clone(), flags::O_RDWR)?;

        TABLE.lock().add_file(&file, card.clone())?;
        // Last, because it cannot be undone.
        card.take_over(ring)?;
        Ok(file)
    }

    fn finish(incoming: Incoming<'_>) {
        match incoming {
            // Nothing changes for the card. It is one of this kernel now.
            Incoming::Retrieved(file) => {
                let card = TABLE.lock().opened_for(file);

                if let Some(card) = card {
                    finish_device(&card);
                }
            }
            // Nobody wants the frames. The card gets what any other would have got in probe().
            Incoming::Untouched(handle) => {
                if let Ok((ring, card)) = adopt(handle) {
                    match card.start_over(ring) {
                        Ok(()) => finish_device(&card),
                        Err(err) => dev_err!(card.pdev, "not started over: {err:?}\n"),
                    }
                }
            }
            // The log says why. The PCI core names a device that is not finished.
            Incoming::Failed(_) => (),
        }
    }
}
