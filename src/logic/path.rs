// SPDX-License-Identifier: GPL-2.0

//! A device and what its transactions go through.

use crate::abi::Key;
use core::iter;

/// A function as the core sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub key: Key,
    /// Whether it is a bridge.
    pub bridge: bool,
}

/// A device and every bridge above it, the nearest first.
#[derive(Clone)]
pub struct Path<A> {
    /// The device.
    pub device: Function,
    /// The bridges.
    pub above: A,
}

impl<A> Path<A>
where
    A: Iterator<Item = Function> + Clone,
{
    /// The device first, the root port last.
    pub fn iter(&self) -> impl Iterator<Item = Function> + Clone {
        iter::once(self.device).chain(self.above.clone())
    }

    /// The first `n` functions of the path, the last of them first.
    ///
    /// A path is a few functions long and this is for giving back only, so walking it from its
    /// start each time is cheaper than memory to remember it in.
    pub(super) fn back_from(&self, n: usize) -> impl Iterator<Item = Function> + '_ {
        (0..n).rev().filter_map(|nth| self.iter().nth(nth))
    }
}
