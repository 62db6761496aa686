// SPDX-License-Identifier: GPL-2.0

//! The address of preserved memory, in the old kernel and in the new one.

use super::Restored;
use crate::{
    bindings,
    page::PAGE_SIZE,
    prelude::*, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull,
    slice, //
};
use zerocopy::{
    Immutable,
    KnownLayout, //
};

mod private {
    pub trait Sealed {}

    impl Sealed for super::Cpu {}
    impl Sealed for super::Dma {}
}

/// Who accesses preserved memory while the kernel is replaced: [`Cpu`] or [`Dma`].
///
/// The type of an [`Address`] and of a [`Handle`] says it, so that memory which a device may be
/// writing cannot become a reference.
pub trait Access: private::Sealed + 'static {}

/// Only CPUs access the memory. The new kernel takes it over with [`Restored`](super::Restored).
#[derive(Debug)]
pub enum Cpu {}

/// A device may access the memory by DMA at any time, also while no kernel is running. The new
/// kernel takes it over with [`Shared`](super::Shared).
#[derive(Debug)]
pub enum Dma {}

impl Access for Cpu {}
impl Access for Dma {}

/// The physical address of memory that this kernel preserves.
///
/// This is what the old kernel passes on, see [`liveupdate`](crate::liveupdate). The memory must
/// stay preserved until the next kernel runs, or until the number is no longer passed on.
///
/// # Invariants
///
/// When the address was taken, the memory was preserved, and accessed as `A` says.
#[derive(Debug)]
pub struct Address<A: Access>(u64, PhantomData<A>);

impl<A: Access> Address<A> {
    /// # Safety
    ///
    /// `phys` must be the physical address of a preserved folio that is accessed as `A` says.
    #[inline]
    pub(super) unsafe fn new(phys: u64) -> Self {
        // INVARIANT: By the safety requirements of this function.
        Self(phys, PhantomData)
    }

    /// Returns the number.
    ///
    /// It is also where a device finds the memory, if no IOMMU translates its addresses.
    #[inline]
    pub fn as_raw(&self) -> u64 {
        self.0
    }
}

/// The physical address of memory that the previous kernel preserved.
///
/// The memory is reserved until the handle is used to take it over. A handle that is dropped
/// instead leaves it reserved until the next boot.
///
/// The number comes from the previous kernel and may be wrong. Whether memory was preserved at
/// that address is checked when the handle is used.
///
/// # Invariants
///
/// If a folio was preserved at the address, then no other code of this kernel accesses its memory,
/// no other [`Handle`] for it is in use, and devices access it only if `A` is [`Dma`].
#[must_use = "the memory stays reserved until the next boot if it is not taken over"]
#[derive(Debug)]
pub struct Handle<A: Access = Cpu>(u64, PhantomData<A>);

impl<A: Access> Handle<A> {
    /// Creates a handle from the number that the previous kernel passed on.
    ///
    /// # Safety
    ///
    /// `raw` must be what [`Address::as_raw`], or its C counterpart, returned to the owner of the
    /// memory in the previous kernel. In this kernel the caller must be the only one to access that
    /// memory, and must not use more than one handle for it at a time. If a device may be accessing
    /// the memory, `A` must be [`Dma`].
    #[inline]
    pub unsafe fn from_raw(raw: u64) -> Self {
        // INVARIANT: By the safety requirements of this function.
        Self(raw, PhantomData)
    }

    /// Returns the number.
    #[inline]
    pub fn as_raw(&self) -> u64 {
        self.0
    }

    /// Returns the size of the preserved folio.
    ///
    /// Fails with [`ENOENT`] if the address is null, and with [`EINVAL`] if nothing was preserved
    /// there.
    pub fn size(&self) -> Result<usize> {
        if self.0 == 0 {
            return Err(ENOENT);
        }
        // KHO rounds down to a page, but no folio starts inside one.
        if !self.0.is_multiple_of(PAGE_SIZE as u64) {
            return Err(EINVAL);
        }

        // SAFETY: There are no requirements on the address.
        match unsafe { bindings::kho_preserved_size(self.0) } {
            0 => Err(EINVAL),
            size => Ok(size),
        }
    }

    /// Makes KHO release the folio. On success, the caller owns the only reference on it.
    pub(super) fn restore(self) -> Result<NonNull<bindings::folio>> {
        // KHO warns about an address at which nothing was preserved.
        self.size()?;

        // SAFETY: There are no requirements on the address.
        NonNull::new(unsafe { bindings::kho_restore_folio(self.0) }).ok_or(EINVAL)
    }
}

impl Handle<Cpu> {
    /// Borrows the memory without taking it over.
    ///
    /// Fails like [`size()`](Self::size), and with [`EINVAL`] if the memory is too small for a `T`.
    pub fn peek<T>(&self) -> Result<&T>
    where
        T: ?Sized + FromBytes + Immutable + KnownLayout,
    {
        // SAFETY: By the type invariants, nobody else accesses the memory.
        unsafe { self.peek_linked(self.0) }
    }

    /// Borrows memory whose address is part of what was handed over, without taking it over.
    ///
    /// Fails like [`peek()`](Self::peek).
    ///
    /// # Safety
    ///
    /// `raw` must be stored in memory that was borrowed from this handle, as the address of other
    /// memory of the same owner, which nobody but the owner accesses.
    pub unsafe fn peek_linked<T>(&self, raw: u64) -> Result<&T>
    where
        T: ?Sized + FromBytes + Immutable + KnownLayout,
    {
        // INVARIANT: By the safety requirements of this function. It is not consumed.
        let linked = Self(raw, PhantomData);
        let size = linked.size()?;

        // SAFETY: A preserved folio is memory of the direct map.
        let base = unsafe { bindings::phys_to_virt(raw) };
        // SAFETY: KHO says that a folio of `size` bytes was preserved. It is initialized, as
        // somebody wrote it or the page allocator zeroed it. Nobody writes to it; taking it over
        // consumes the handle, or borrows it mutably.
        let bytes = unsafe { slice::from_raw_parts(base.cast::<u8>(), size) };

        T::ref_from_prefix(bytes)
            .map(|(view, _rest)| view)
            .map_err(|_| EINVAL)
    }

    /// Takes over memory whose address is part of what was handed over.
    ///
    /// Fails like [`Restored::take`], also if it was taken over before.
    ///
    /// # Safety
    ///
    /// As for [`peek_linked`](Self::peek_linked).
    pub unsafe fn take_linked<T>(&mut self, raw: u64) -> Result<Restored<T>>
    where
        T: ?Sized + FromBytes + IntoBytes + KnownLayout,
    {
        // INVARIANT: By the safety requirements of this function. What was borrowed through `self`
        // is not used any more.
        Restored::take(Self(raw, PhantomData))
    }
}
