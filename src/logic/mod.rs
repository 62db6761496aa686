// SPDX-License-Identifier: GPL-2.0

//! What the core decides and counts, without knowing that it runs in a kernel.
//!
//! ```text
//!   old kernel   Path -- Outgoing -- Ser        Ser -- Incoming -- Path   new kernel
//!                            |                              |
//!                          Index                          Index
//! ```
//!
//! Everything here works on values that it is given: the memory that holds the array, an [`Index`]
//! that finds entries in it, the [`Path`] of a device. Nothing here is a static, calls C or needs
//! `unsafe`, so that the same files run under the host tests, as often and as broken as those like.

mod buses;
mod decide;
mod incoming;
mod index;
mod outgoing;
mod path;
mod policy;
mod status;

pub use buses::{
    usable,
    Bridge,
    Range,
    Unusable, //
};
pub use decide::{
    may_preserve,
    Facts,
    Objection, //
};
pub use incoming::{
    Arrival,
    DecodeError,
    Incoming,
    NotIncoming, //
};
pub use index::Index;
pub use outgoing::{
    NotPreserved,
    Outgoing,
    Place,
    Refused, //
};
pub use path::{
    Function,
    Path, //
};
pub use policy::Policy;
pub use status::{
    Status,
    Suitor, //
};

use crate::abi::Ser;

/// Room that is kept for functions that appear after the array was sized, at least.
const HEADROOM: usize = 64;

/// The bytes to ask for when `present` functions are there: room for each of them, and for a
/// quarter as many, or [`HEADROOM`], that may yet be plugged in.
pub fn size_for(present: usize) -> Option<usize> {
    present
        .checked_add(HEADROOM.max(present / 4))
        .and_then(Ser::size_for)
}

/// An index into the array.
fn at(nr: u32) -> usize {
    // CAST: the core is for 64-bit kernels, where nothing is lost.
    nr as usize
}
