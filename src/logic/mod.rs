// SPDX-License-Identifier: GPL-2.0

//! What the core decides and counts, without knowing that it runs in a kernel.
//!
//! ```text
//!   old kernel                                            new kernel
//!   Function -- Outgoing -- Table ------------ Arrival -- Incoming -- Function
//!                                                            |
//!                                                          Index
//! ```
//!
//! Everything here works on values that it is given: a [`Function`] that knows the bridge above it
//! and its own slots, a [`Table`] that the next kernel reads, an [`Index`] by address for what the
//! previous one handed over. Nothing here is a static, calls C or needs `unsafe`, so that the same
//! files run under the host tests.

mod blocks;
mod buses;
mod compare;
mod decide;
mod formats;
mod identity;
mod incoming;
mod index;
mod outgoing;
mod owner;
mod path;
mod policy;
mod slot;
mod status;
mod table;

pub use blocks::{
    Blocks,
    Spot, //
};
pub use buses::{
    usable,
    usable_next,
    Bridge,
    Range,
    Sibling,
    Unscannable,
    Unusable, //
};
pub use compare::{
    compare,
    Differ, //
};
pub use decide::{
    eligible,
    Facts,
    Ineligible, //
};
pub use formats::{
    Format,
    Formats, //
};
pub use identity::{
    differences,
    late_differences,
    recognize,
    Difference,
    Model,
    OtherDevice, //
};
pub use incoming::{
    Arrival,
    Arrivals,
    Incoming,
    IndexError,
    NotIncoming, //
};
pub use index::Index;
pub use outgoing::{
    Entry,
    NotPreserved,
    Outgoing,
    Refused, //
};
pub use owner::{
    Driver,
    Ending,
    Owned, //
};
pub use path::{
    path,
    Function, //
};
pub use policy::Policy;
pub use slot::Slot;
pub use status::DriverMatch;
pub use table::{
    Array,
    Bad,
    Page,
    Table,
    Tables, //
};

use crate::abi::Ser;

/// Room that is kept for functions that appear after the array was sized, at least.
const HEADROOM: usize = 64;

/// The entries to ask for when `present` functions are there: one for each of them, and for a
/// quarter as many, or [`HEADROOM`], that may yet be plugged in.
pub fn entries_for(present: usize) -> Option<usize> {
    present.checked_add(HEADROOM.max(present / 4))
}

/// The bytes of an array of that many.
pub fn size_for(present: usize) -> Option<usize> {
    entries_for(present).and_then(Ser::size_for)
}
