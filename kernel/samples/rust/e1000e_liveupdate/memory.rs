// SPDX-License-Identifier: GPL-2.0

//! The layout of a receive ring in memory, which two kernels and a running card agree on.
//!
//! It is one folio, so that one address is all that the next kernel needs:
//!
//! ```text
//!  page    0          1          2 - 61         62         63 - 1022       1023
//!       ┌────────┬──────────┬─────────────┬──────────┬────────────────┬──────────┐
//!       │ record │  canary  │ descriptors │  canary  │    buffers     │  canary  │
//!       └────────┴──────────┴─────────────┴──────────┴────────────────┴──────────┘
//!  CPU    r, w        r           r, w          r              r             r
//!  card     -         -           r, w          -              w             -
//! ```
//!
//! This layout is a contract between kernels. A change of it requires another [`COMPATIBLE`].

use core::mem::offset_of;
use kernel::{
    page::PAGE_SIZE,
    prelude::*, //
};
use zerocopy_derive::KnownLayout;

/// The name of the format, for LUO and in the record.
pub(crate) const COMPATIBLE: &CStr = c"e1000e-liveupdate-v1";

/// The number of descriptors. A ring with all but one in use has the frames of 15 seconds, at a
/// thousand frames a second. A live update should not take longer, since a full ring loses frames.
pub(crate) const DESCRIPTORS: usize = 60 * PAGE_SIZE / size_of::<Descriptor>();

/// The smallest size of a buffer that the card supports.
pub(crate) const BUFFER_SIZE: usize = 256;

/// The value of every word in a canary.
pub(crate) const CANARY: u64 = 0x7a6e_6f62_6f64_7921;

/// The length of a canary.
pub(crate) const CANARY_WORDS: usize = PAGE_SIZE / size_of::<u64>();

/// The state of the ring that the card does not know.
///
/// It is kept here all the time, so nothing has to be saved for a live update.
#[repr(C)]
#[derive(FromBytes, IntoBytes, KnownLayout)]
pub(crate) struct Record {
    /// [`COMPATIBLE`], padded with zeroes.
    pub(crate) compatible: [u8; 32],
    /// The name of the PCI function, padded with zeroes.
    pub(crate) device: [u8; 16],
    /// [`DESCRIPTORS`].
    pub(crate) descriptors: u32,
    /// The index of the descriptor whose frame user space takes next.
    pub(crate) next: u32,
    /// How many frames user space has taken.
    pub(crate) delivered: u64,
    _reserved: [u64; 504],
}

/// A receive descriptor in the legacy format.
#[repr(C)]
#[derive(FromBytes, IntoBytes, KnownLayout)]
pub(crate) struct Descriptor {
    /// The address of the buffer. The card does not change it.
    pub(crate) address: u64,
    /// What the card wrote back, see [`Written`].
    pub(crate) written: u64,
}

/// A frame, or a part of one that is longer.
pub(crate) type Buffer = [u8; BUFFER_SIZE];

/// Memory that is never written to, to detect writes past its neighbours.
pub(crate) type Canary = [u64; CANARY_WORDS];

/// The whole folio.
#[repr(C)]
#[derive(FromBytes, IntoBytes, KnownLayout)]
pub(crate) struct Memory {
    pub(crate) record: Record,
    pub(crate) before_descriptors: Canary,
    pub(crate) descriptors: [Descriptor; DESCRIPTORS],
    pub(crate) before_buffers: Canary,
    pub(crate) buffers: [Buffer; DESCRIPTORS],
    pub(crate) after_buffers: Canary,
}

/// The offset of the descriptors in the folio.
// CAST: In a kernel that has KHO, a `usize` is no longer than a `u64`.
pub(crate) const DESCRIPTORS_AT: u64 = offset_of!(Memory, descriptors) as u64;

/// The offset of the buffers in the folio.
// CAST: As above.
pub(crate) const BUFFERS_AT: u64 = offset_of!(Memory, buffers) as u64;

// A register of the card can hold every index.
const _: () = assert!(DESCRIPTORS <= 1 << 16);

// The ring fills the largest folio that there is.
const _: () = assert!(size_of::<Record>() == PAGE_SIZE);
const _: () = assert!(size_of::<Memory>() == 1024 * PAGE_SIZE);

kernel::bitfield! {
    /// What the card writes back to a descriptor.
    pub(crate) struct Written(u64) {
        /// The errors of the frame.
        47:40   errors;
        /// The frame ends in this buffer.
        33:33   end_of_packet => bool;
        /// The card is done with the descriptor.
        32:32   done => bool;
        /// The number of bytes in the buffer.
        15:0    length;
    }
}

/// Returns an array that starts with `bytes`, truncated or padded with zeroes.
pub(crate) fn padded<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];

    for (to, from) in array.iter_mut().zip(bytes) {
        *to = *from;
    }
    array
}
