// SPDX-License-Identifier: GPL-2.0

//! What two kernels and a running card agree on: the memory of a receive ring.
//!
//! It is one folio, so that one number names it in the next kernel:
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
//! This layout is a contract between kernels. Whoever changes it changes [`COMPATIBLE`], too.

use core::mem::offset_of;
use kernel::{
    page::PAGE_SIZE,
    prelude::*, //
};
use zerocopy_derive::KnownLayout;

/// The name of the format, for LUO and in the memory itself.
pub(crate) const COMPATIBLE: &CStr = c"e1000e-liveupdate-v1";

/// How many frames the ring holds, less one: those of 15 seconds at a thousand frames a second. One
/// kernel should have replaced the other by then, as a full ring loses what comes after.
pub(crate) const DESCRIPTORS: usize = 60 * PAGE_SIZE / size_of::<Descriptor>();

/// The smallest buffer that the device knows.
pub(crate) const BUFFER_SIZE: usize = 256;

/// What a canary is made of.
pub(crate) const CANARY: u64 = 0x7a6e_6f62_6f64_7921;

/// How long one is.
pub(crate) const CANARY_WORDS: usize = PAGE_SIZE / size_of::<u64>();

/// What the driver knows of the ring and the device does not.
///
/// It lives in the preserved memory all the time. Nothing has to be saved when a live update comes.
#[repr(C)]
#[derive(FromBytes, IntoBytes, KnownLayout)]
pub(crate) struct Record {
    /// [`COMPATIBLE`], padded with zeroes.
    pub(crate) compatible: [u8; 32],
    /// The name of the PCI function, padded with zeroes.
    pub(crate) device: [u8; 16],
    /// [`DESCRIPTORS`].
    pub(crate) descriptors: u32,
    /// The descriptor whose frame is the next for user space.
    pub(crate) next: u32,
    /// How many frames user space got since the ring started.
    pub(crate) delivered: u64,
    _reserved: [u64; 504],
}

/// A receive descriptor in the legacy format of the device.
#[repr(C)]
#[derive(FromBytes, IntoBytes, KnownLayout)]
pub(crate) struct Descriptor {
    /// Where the buffer is. The device does not change it.
    pub(crate) address: u64,
    /// What became of it, see [`Written`].
    pub(crate) written: u64,
}

/// A frame, or the piece of one that fits.
pub(crate) type Buffer = [u8; BUFFER_SIZE];

/// Memory that nobody writes to. Whoever did so was on the way into a neighbour's.
pub(crate) type Canary = [u64; CANARY_WORDS];

/// The folio.
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

/// Where the descriptors begin in the folio.
// CAST: In a kernel that has KHO, a `usize` is no longer than a `u64`.
pub(crate) const DESCRIPTORS_AT: u64 = offset_of!(Memory, descriptors) as u64;

/// Where the buffers begin.
// CAST: As above.
pub(crate) const BUFFERS_AT: u64 = offset_of!(Memory, buffers) as u64;

// An index is a number that a register of the card can hold.
const _: () = assert!(DESCRIPTORS <= 1 << 16);

// Room for the ring and nothing else, in the largest folio there is.
const _: () = assert!(size_of::<Record>() == PAGE_SIZE);
const _: () = assert!(size_of::<Memory>() == 1024 * PAGE_SIZE);

kernel::bitfield! {
    /// What the device writes into a descriptor.
    pub(crate) struct Written(u64) {
        /// Something was wrong with the frame.
        47:40   errors;
        /// The frame ends in this buffer.
        33:33   end_of_packet => bool;
        /// The device is done with the descriptor.
        32:32   done => bool;
        /// How many bytes are in the buffer.
        15:0    length;
    }
}

/// Returns `bytes` at the start of an array of zeroes, less what does not fit.
pub(crate) fn padded<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];

    for (to, from) in array.iter_mut().zip(bytes) {
        *to = *from;
    }
    array
}
