// SPDX-License-Identifier: GPL-2.0

//! The file of a card, `/dev/e1000e-0000:03:00.0`.
//!
//! `read()` takes frames from the ring, as many as fit. Each has a header, in native endianness:
//!
//! ```text
//!  0        2        3        4
//!  ┌────────┬────────┬────────┬───────────────────┐
//!  │ length │  flags │ errors │ length bytes ...  │
//!  └────────┴────────┴────────┴───────────────────┘
//! ```
//!
//! Bit 0 of the flags is set if the frame continues in the next record. `errors` are the errors
//! that the card found in the frame. If there is no frame, or none that fits, `read()` returns 0;
//! it never blocks.
//!
//! `/proc/PID/fdinfo/FD` of an open file has the statistics.

use crate::{
    card::{
        Card,
        State, //
    },
    receiver,
    ring::{
        Frame,
        Ring, //
    },
    table::TABLE, //
};
use kernel::{
    fs::{
        File,
        Kiocb, //
    },
    iov::IovIterDest,
    miscdevice::{
        MiscDevice,
        MiscDeviceRegistration, //
    },
    prelude::*,
    seq_file::{
        seq_print,
        SeqFile, //
    },
    sync::{
        Arc,
        ArcBorrow, //
    }, //
};

/// The prefix of the name of the file. The rest is the name of the PCI function.
pub(crate) const PREFIX: &str = "e1000e-";

const HEADER: usize = 4;
const CONTINUED: u8 = 1;

/// Copies a frame to user space. Returns false if there is no room for it.
fn deliver(frame: &Frame, iov: &mut IovIterDest<'_>) -> Result<bool> {
    let data = frame.data();
    let length = u16::try_from(data.len())?.to_ne_bytes();
    let flags = if frame.end { 0 } else { CONTINUED };

    if iov.len() < HEADER + data.len() {
        return Ok(false);
    }
    let copied =
        iov.copy_to_iter(&[length[0], length[1], flags, frame.errors]) + iov.copy_to_iter(data);

    if copied != HEADER + data.len() {
        return Err(EFAULT);
    }
    Ok(true)
}

/// Takes frames from the ring and copies them to user space.
fn take(ring: &mut Ring, iov: &mut IovIterDest<'_>) -> Result {
    while let Some(frame) = ring.peek()? {
        if !deliver(&frame, iov)? {
            break;
        }
        ring.consume()?;
    }
    Ok(())
}

#[vtable]
impl MiscDevice for Card {
    type Ptr = Arc<Self>;

    fn open(file: &File, misc: &MiscDeviceRegistration<Self>) -> Result<Arc<Self>> {
        let node = misc.device().name().to_bytes_with_nul();
        let name = node.strip_prefix(PREFIX.as_bytes()).ok_or(ENODEV)?;
        let name = CStr::from_bytes_with_nul(name).map_err(|_| ENODEV)?;
        let mut table = TABLE.lock();
        let card = table.named(name).ok_or(ENODEV)?;

        table.add_file(file, card.clone())?;
        Ok(card)
    }

    fn release(_card: Arc<Self>, file: &File) {
        TABLE.lock().remove_file(file);
    }

    fn read_iter(kiocb: Kiocb<'_, Arc<Self>>, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let card = kiocb.file();
        let room = iov.len();
        let mut state = card.state.lock();
        let ring = match &mut *state {
            State::Running(ring) if !ring.frozen => ring,
            State::Idle => return Err(ENODEV),
            _ => return Err(EBUSY),
        };

        let taken = take(ring, iov);

        // Also after an error: the card gets the descriptors that were consumed before it.
        card.with_bar(|bar| receiver::advance(bar, ring))?;
        taken.map(|()| room - iov.len())
    }

    fn show_fdinfo(card: ArcBorrow<'_, Self>, m: &SeqFile, _file: &File) {
        let state = card.state.lock();
        let State::Running(ring) = &*state else {
            seq_print!(m, "running:\t0\n");
            return;
        };
        let full = card.with_bar(receiver::is_full).unwrap_or(false);

        seq_print!(m, "running:\t1\n");
        seq_print!(m, "delivered:\t{}\n", ring.delivered());
        seq_print!(m, "waiting:\t{}\n", ring.waiting().unwrap_or(0));
        seq_print!(m, "capacity:\t{}\n", Ring::CAPACITY);
        seq_print!(m, "full:\t{}\n", u8::from(full));
        seq_print!(m, "canaries:\t{}\n", u8::from(ring.canaries_intact()));
    }
}
