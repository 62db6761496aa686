// SPDX-License-Identifier: GPL-2.0

//! Memory that outlives the kernel: Kexec HandOver (KHO).
//!
//! A kernel that is about to be replaced through `kexec` can preserve memory, so that the next
//! kernel finds it where it was, with its content. This module provides the case in which the
//! owner of such memory is a Rust value: one physically contiguous folio, seen as a `T`.
//!
//! The life of the memory, in the order of time:
//!
//! 1. The old kernel allocates a [`Folio<T>`] and preserves it, now or later. [`Preserved<T>`] is
//!    one that is preserved all the time. [`Shared<T>`] is preserved all the time as well, and a
//!    device may access it by DMA. The [`Address`] of the memory is a number that means the same in
//!    both kernels.
//! 2. If the live update is cancelled, the value is dropped. That unpreserves and frees the memory,
//!    except for [`Shared<T>`]: see there.
//! 3. Otherwise the old kernel ends with the value alive. What was written last is what the next
//!    kernel reads. Passing on the number is the business of the owner, see [`liveupdate`].
//! 4. The new kernel keeps the memory reserved from early boot on. Nobody owns it, and nobody
//!    accesses it, except for the device. The owner gets a [`Handle`] for the number.
//! 5. [`Restored::take`] or [`Shared::take`] takes the memory over. From now on it is like any
//!    other memory of this kernel, and is freed when [`Restored`] is dropped. What is in more than
//!    one folio, with addresses of others in some of them, is read with [`Handle::peek_linked`] and
//!    taken over with [`Handle::take_linked`].
//!
//! What the memory holds was written by another program. That is why `T` must be valid for every
//! bit pattern ([`FromBytes`]), and why the size of the folio bounds every access, never a length
//! that is stored in the memory. Everything else is for the owner to check.
//!
//! C header: [`include/linux/kexec_handover.h`](srctree/include/linux/kexec_handover.h)
//!
//! [`liveupdate`]: crate::liveupdate

use crate::{
    bindings,
    prelude::*, //
};
use core::ops::{
    Deref,
    DerefMut, //
};
use zerocopy::KnownLayout;

mod folio;
mod handle;
mod shared;

pub use self::{
    folio::Folio,
    handle::{
        Access,
        Address,
        Cpu,
        Dma,
        Handle, //
    },
    shared::Shared, //
};

/// Returns whether this kernel can preserve memory for the next one (`kho=on`).
pub fn is_enabled() -> bool {
    // SAFETY: There are no requirements to call this function.
    unsafe { bindings::kho_is_enabled() }
}

/// A [`Folio`] that is preserved all the time.
///
/// Dropping it unpreserves and frees the memory. The value must be alive when the next kernel is
/// executed.
///
/// # Examples
///
/// ```
/// use kernel::{
///     kho::{
///         self,
///         Preserved, //
///     },
///     page::PAGE_SIZE, //
/// };
///
/// if kho::is_enabled() {
///     let mut state = Preserved::<[u64]>::zeroed(2 * PAGE_SIZE)?;
///
///     assert_eq!(state.size(), 2 * PAGE_SIZE);
///     assert!(state.address().as_raw().is_multiple_of(2 * PAGE_SIZE as u64));
///     state[0] = 42;
/// }
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// The folio is preserved.
pub struct Preserved<T: ?Sized>(Folio<T>);

impl<T: ?Sized + FromBytes + IntoBytes + KnownLayout> Preserved<T> {
    /// Allocates at least `bytes` bytes of zeroes and preserves them.
    ///
    /// Fails like [`Folio::zeroed`] and [`Folio::preserve`].
    pub fn zeroed(bytes: usize) -> Result<Self> {
        let mut folio = Folio::<T>::zeroed(bytes)?;

        folio.preserve()?;
        // INVARIANT: The folio was preserved just now.
        Ok(Self(folio))
    }
}

impl<T: ?Sized> Preserved<T> {
    /// Returns the address, for the next kernel.
    pub fn address(&self) -> Address<Cpu> {
        // SAFETY: By the type invariant, the folio is preserved. Its owner has references to it, so
        // no device accesses it.
        unsafe { Address::new(self.0.phys()) }
    }

    /// Returns how many bytes are preserved.
    #[inline]
    pub fn size(&self) -> usize {
        self.0.size()
    }
}

impl<T: ?Sized> Deref for Preserved<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> DerefMut for Preserved<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// Memory that the previous kernel preserved, now owned by this one.
///
/// `T` is a view of the whole folio, as in [`Folio`]. Its content is as trustworthy as the kernel
/// that wrote it.
///
/// Dropping it frees the memory.
///
/// # Examples
///
/// The two halves of a driver that keeps a counter over a live update:
///
/// ```
/// use kernel::kho::{
///     Cpu,
///     Handle,
///     Preserved,
///     Restored, //
/// };
///
/// // In the old kernel.
/// fn save(count: u64) -> Result<Preserved<u64>> {
///     let mut state = Preserved::<u64>::zeroed(size_of::<u64>())?;
///
///     *state = count;
///     Ok(state)
/// }
///
/// // In the new kernel.
/// fn load(handle: Handle<Cpu>) -> Result<u64> {
///     Ok(*Restored::<u64>::take(handle)?)
/// }
/// # let _ = save;
///
/// // SAFETY: No memory was preserved at these addresses.
/// let (null, odd) = unsafe { (Handle::from_raw(0), Handle::from_raw(12)) };
///
/// assert_eq!(load(null).err(), Some(ENOENT));
/// assert_eq!(load(odd).err(), Some(EINVAL));
/// # Ok::<(), Error>(())
/// ```
///
/// Memory that was not preserved by the previous kernel is not touched:
///
/// ```
/// use kernel::kho::{
///     self,
///     Handle,
///     Preserved,
///     Restored, //
/// };
///
/// if kho::is_enabled() {
///     let state = Preserved::<u64>::zeroed(8)?;
///     // SAFETY: The memory is preserved by this kernel, not by the previous one.
///     let handle = unsafe { Handle::from_raw(state.address().as_raw()) };
///
///     assert_eq!(handle.peek::<u64>().err(), Some(EINVAL));
///     assert_eq!(Restored::<u64>::take(handle).err(), Some(EINVAL));
/// }
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// The folio is not preserved.
pub struct Restored<T: ?Sized>(Folio<T>);

impl<T: ?Sized + FromBytes + IntoBytes + KnownLayout> Restored<T> {
    /// Takes the memory over from the previous kernel.
    ///
    /// Fails with [`ENOENT`] if the handle is null, and with [`EINVAL`] if no memory was preserved
    /// at that address, or if it is too small for a `T`. In the last case it is freed.
    pub fn take(handle: Handle<Cpu>) -> Result<Self> {
        let folio = handle.restore()?;

        // SAFETY: `restore()` returned a folio of the direct map, with a reference that is ours. It
        // is initialized, as somebody wrote it or the page allocator zeroed it, and not preserved
        // for the next kernel. By the type invariants of `Handle`, nobody else accesses it.
        let folio = unsafe { Folio::from_raw(folio) }?;

        // INVARIANT: The folio is not preserved.
        Ok(Self(folio))
    }
}

impl<T: ?Sized> Restored<T> {
    /// Returns how many bytes the folio has.
    #[inline]
    pub fn size(&self) -> usize {
        self.0.size()
    }
}

impl<T: ?Sized> Deref for Restored<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> DerefMut for Restored<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
