// SPDX-License-Identifier: GPL-2.0

//! A function and the bridges that its transactions go through.

use super::Slot;
use crate::abi::Key;
use core::iter;

/// A function as the core counts it.
///
/// It remembers its own entries, so that nothing is looked up once it has been enumerated.
pub trait Function: Copy {
    /// Its address.
    fn key(self) -> Key;

    /// Whether it is a bridge.
    fn is_bridge(self) -> bool;

    /// Whether `other` is the same function.
    fn same(self, other: Self) -> bool;

    /// The bridge above it, unless it is on a root bus.
    fn upstream(self) -> Option<Self>;

    /// Its entry in what the next kernel gets.
    fn outgoing(self) -> Option<Slot>;

    /// Gives it another entry there, or takes the one it has.
    fn set_outgoing(self, slot: Option<Slot>);

    /// Its entry in what the previous kernel handed over.
    fn incoming(self) -> Option<Slot>;

    /// Gives it another entry there, or takes the one it has.
    fn set_incoming(self, slot: Option<Slot>);
}

/// The device first, the root port last.
pub fn path<F: Function>(dev: F) -> impl Iterator<Item = F> + Clone {
    iter::successors(Some(dev), |function| function.upstream())
}
