// SPDX-License-Identifier: GPL-2.0

//! Memory that outlives the kernel: Kexec HandOver (KHO).
//!
//! A kernel that is about to be replaced through `kexec` can ask KHO to leave pages alone, so that
//! the next kernel finds them where they were, with what was in them. This module wraps the case in
//! which the owner of such memory is a Rust value: one physically contiguous folio, seen as a `T`.
//!
//! The life of the memory, in the order of time:
//!
//! 1. The old kernel makes a [`Preserved<T>`]: zeroed memory that KHO knows of. As long as the
//!    value lives, it may be read and written like a box. [`Preserved::handle`] names it by its
//!    physical address, a number that means the same in both kernels.
//! 2. If the handover is called off, the [`Preserved<T>`] is dropped: KHO forgets the memory, and
//!    it is free again.
//! 3. Otherwise the old kernel ends with the value alive. What was written last is what the next
//!    kernel reads. The number travels by a way of its own, see [`liveupdate`].
//! 4. The new kernel keeps the memory out of its page allocator from its first moment on. Nobody
//!    owns it, nobody may touch it; a [`Handle`] is the right to take it over, once.
//! 5. [`Restored::take`] turns the handle into a [`Restored<T>`], which owns the memory like any
//!    other memory of this kernel. Drop it to free it. A handle that is never taken keeps its
//!    memory reserved until the next boot.
//!
//! The bytes come from another program. That is why `T` must be valid for every bit pattern
//! ([`FromBytes`]), and why a view is bounded by the folio's own size, never by a length that is
//! written in the memory. Everything else in it is for the owner to check.
//!
//! C header: [`include/linux/kexec_handover.h`](srctree/include/linux/kexec_handover.h)
//!
//! [`liveupdate`]: crate::liveupdate

use crate::{
    bindings,
    page::PAGE_SIZE,
    prelude::*, //
};
use core::{
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull, //
};
use zerocopy::KnownLayout;

mod folio;
mod shared;

pub use self::{
    folio::Folio,
    shared::Shared, //
};

/// Returns whether this kernel can hand memory over to the next one (`kho=on`).
pub fn is_enabled() -> bool {
    // SAFETY: There are no requirements to call this function.
    unsafe { bindings::kho_is_enabled() }
}

/// The right to take over memory that the previous kernel preserved.
///
/// It says nothing about the memory yet: whether the number is the address of preserved memory at
/// all turns out in [`Restored::take`] or, if a device is working on it, in [`Shared::take`].
///
/// # Invariants
///
/// If the number is the physical address of memory that was preserved through KHO, then no other
/// code of this kernel accesses that memory, and no other [`Handle`] for it is used. Unless it is
/// used for [`Shared::take`] only, no device writes to that memory.
#[must_use = "a handle that is not taken keeps its memory reserved until the next boot"]
#[derive(Debug)]
pub struct Handle(u64);

impl Handle {
    /// Creates a handle from the number that the previous kernel passed on.
    ///
    /// # Safety
    ///
    /// `raw` must be what [`Preserved::handle`], or its C counterpart, returned to the owner of the
    /// memory in the previous kernel. In this kernel the caller must be the only one to access that
    /// memory, and must not use more than one handle for it. If a device may be writing to it, the
    /// handle must be used for [`Shared::take`] only.
    #[inline]
    pub unsafe fn from_raw(raw: u64) -> Self {
        // INVARIANT: The safety requirements of this function are the type invariant.
        Self(raw)
    }

    /// Finds the memory that the previous kernel put under `name` at the root of the handover.
    ///
    /// # Safety
    ///
    /// The caller must be the only one in this kernel to access the memory of that name, and must
    /// not ask for it more than once.
    pub unsafe fn of_subtree(name: &CStr) -> Option<Self> {
        let mut phys = 0;

        // SAFETY: `name` is a string, `phys` may be written, and the size may be left out.
        let ret = unsafe {
            bindings::kho_retrieve_subtree(name.as_char_ptr(), &mut phys, core::ptr::null_mut())
        };

        // INVARIANT: By the safety requirements, nobody else accesses the memory, and there is no
        // other handle for it.
        (ret == 0).then_some(Self(phys))
    }

    /// Returns the number.
    #[inline]
    pub fn as_raw(&self) -> u64 {
        self.0
    }

    /// Makes KHO give up the memory.
    ///
    /// On success, the caller owns one reference on the folio, which is the only one.
    fn restore(self) -> Result<NonNull<bindings::folio>> {
        if self.0 == 0 {
            return Err(ENOENT);
        }
        // KHO rounds down to a page, but nobody preserves an address inside one.
        if self.0 % PAGE_SIZE as u64 != 0 {
            return Err(EINVAL);
        }

        // SAFETY: There are no requirements on the address: KHO looks for its mark on the page and
        // refuses one that has none, or that was restored before.
        NonNull::new(unsafe { bindings::kho_restore_folio(self.0) }).ok_or(EINVAL)
    }
}

/// Memory of this kernel that the next kernel will find again.
///
/// Starts as zeroes. `T` is a view of the whole folio: if its last field is a slice, the slice has
/// as many elements as fit, which may be more than were asked for.
///
/// Dropping it takes it out of the handover and frees it. The kernel that executes the next one
/// must do so with the value alive.
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
///     assert!(state.handle().is_multiple_of(2 * PAGE_SIZE as u64));
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
    /// Fails like [`Folio::zeroed`] and [`Folio::preserve`], whose restrictions apply.
    pub fn zeroed(bytes: usize) -> Result<Self> {
        let mut folio = Folio::<T>::zeroed(bytes)?;

        folio.preserve()?;
        // INVARIANT: The folio was preserved just now.
        Ok(Self(folio))
    }
}

impl<T: ?Sized> Preserved<T> {
    /// Returns the number by which the next kernel finds the memory.
    pub fn handle(&self) -> u64 {
        self.0.phys()
    }

    /// Returns how many bytes are preserved.
    #[inline]
    pub fn size(&self) -> usize {
        self.0.size()
    }

    /// Returns whether the folio is still what it was when it was allocated, see
    /// [`Folio::is_intact`].
    pub fn is_intact(&self) -> bool {
        self.0.is_intact()
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
/// `T` is a view of the whole folio, as in [`Preserved`]. What the folio holds is as good as the
/// kernel that wrote it.
///
/// Dropping it frees the memory to the page allocator.
///
/// # Examples
///
/// The two halves of a driver that keeps a counter over an update:
///
/// ```
/// use kernel::kho::{
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
/// fn load(handle: Handle) -> Result<u64> {
///     Ok(*Restored::<u64>::take(handle)?)
/// }
/// # let _ = save;
///
/// // SAFETY: No memory is preserved at these addresses.
/// let (nothing, odd) = unsafe { (Handle::from_raw(0), Handle::from_raw(12)) };
///
/// assert_eq!(load(nothing).err(), Some(ENOENT));
/// assert_eq!(load(odd).err(), Some(EINVAL));
/// # Ok::<(), Error>(())
/// ```
pub struct Restored<T: ?Sized>(Folio<T>);

impl<T: ?Sized + FromBytes + IntoBytes + KnownLayout> Restored<T> {
    /// Takes the memory over from the previous kernel.
    ///
    /// Fails with [`ENOENT`] if the handle is null, and with [`EINVAL`] if it is not the address of
    /// preserved memory, or if the memory is too small for a `T`. In the last case it is freed.
    pub fn take(handle: Handle) -> Result<Self> {
        let folio = handle.restore()?;

        // SAFETY: `restore()` returned a folio with a reference that is ours. It is initialized, as
        // somebody wrote it or KHO zeroed it, in the direct map, as KHO preserves no other, and not
        // preserved for the next kernel. By the type invariant of `Handle`, nobody else accesses
        // its memory.
        Ok(Self(unsafe { Folio::from_raw(folio) }?))
    }
}

impl<T: ?Sized> Restored<T> {
    /// Returns how many bytes the folio has, whatever is written in it.
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
