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
    error::from_err_ptr,
    page::PAGE_SIZE,
    prelude::*, //
};
use core::{
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull,
    slice, //
};
use zerocopy::KnownLayout;

mod shared;

pub use self::shared::Shared;

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

/// All bytes of a folio as a `T`.
///
/// # Invariants
///
/// - `ptr` points to the first byte of a folio of the direct map, is aligned for `T`, and the `T`
///   that it points to lies inside the folio.
/// - The folio has `size` bytes, and is alive and exclusively owned by the owner of the view.
struct View<T: ?Sized> {
    ptr: NonNull<T>,
    size: usize,
}

impl<T: ?Sized + FromBytes + IntoBytes + KnownLayout> View<T> {
    /// Creates a view.
    ///
    /// Fails with [`EINVAL`] if not even the smallest `T` fits.
    ///
    /// # Safety
    ///
    /// `folio` must point to an initialized folio of the direct map, which must be alive and
    /// exclusively owned by the owner of the view for as long as the view is used.
    unsafe fn new(folio: NonNull<bindings::folio>) -> Result<Self> {
        // SAFETY: `folio` is valid by the safety requirements of this function.
        let size = unsafe { bindings::folio_size(folio.as_ptr()) };
        // SAFETY: As above.
        let base = unsafe { bindings::folio_address(folio.as_ptr()) };

        // SAFETY: By the safety requirements, the folio is in the direct map, so that `size` bytes
        // from `base` on can be read and written; they are initialized, and nobody else uses them.
        let bytes = unsafe { slice::from_raw_parts_mut(base.cast::<u8>(), size) };
        let (view, _rest) = T::mut_from_prefix(bytes).map_err(|_| EINVAL)?;

        // INVARIANT: A prefix of the folio's bytes starts at its first byte; zerocopy checked size
        // and alignment. The rest are the safety requirements of this function.
        Ok(Self {
            ptr: NonNull::from(view),
            size,
        })
    }
}

impl<T: ?Sized> View<T> {
    /// Returns the address of the first byte.
    fn base(&self) -> *mut c_void {
        self.ptr.as_ptr().cast()
    }
}

impl<T: ?Sized> Deref for View<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: By the type invariants, `ptr` is valid for the life of `self`; every bit pattern
        // was a `T` in `new()`, and since then only a `T` could be written.
        unsafe { self.ptr.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for View<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: As in `deref()`; the folio is exclusively owned, and `self` borrowed exclusively.
        unsafe { self.ptr.as_mut() }
    }
}

// SAFETY: By the type invariants, a view is the only access to its memory, like `&mut T`.
unsafe impl<T: ?Sized + Send> Send for View<T> {}

// SAFETY: A shared view gives out nothing but `&T`.
unsafe impl<T: ?Sized + Sync> Sync for View<T> {}

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
///     kho,
///     page::PAGE_SIZE, //
/// };
/// use zerocopy_derive::KnownLayout;
///
/// #[repr(C)]
/// #[derive(FromBytes, IntoBytes, KnownLayout)]
/// struct Table {
///     used: u32,
///     limit: u32,
///     entries: [u64],
/// }
///
/// if kho::is_enabled() {
///     let mut table = kho::Preserved::<Table>::zeroed(100)?;
///
///     // The allocation was rounded up, and the slice takes all of it.
///     assert_eq!(table.size(), PAGE_SIZE);
///     assert_eq!(table.entries.len(), (PAGE_SIZE - 8) / 8);
///     assert!(table.entries.iter().all(|entry| *entry == 0));
///
///     table.entries[0] = 42;
///     table.used = 1;
///
///     // The address of a page, for the next kernel.
///     assert_ne!(table.handle(), 0);
///     assert!(table.handle().is_multiple_of(PAGE_SIZE as u64));
/// }
/// # Ok::<(), Error>(())
/// ```
///
/// A size that no folio can have is refused, and so is memory too small for a `T`:
///
/// ```
/// use kernel::{
///     kho::Preserved,
///     page::PAGE_SIZE, //
/// };
///
/// assert_eq!(Preserved::<[u8]>::zeroed(0).err(), Some(EINVAL));
/// assert_eq!(Preserved::<[u8]>::zeroed(usize::MAX / 2).err(), Some(E2BIG));
/// # if kernel::kho::is_enabled() {
/// assert_eq!(Preserved::<[u8; 2 * PAGE_SIZE]>::zeroed(1).err(), Some(EINVAL));
/// # }
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// The folio of `view` is preserved by KHO, and `self` owns a reference on it.
pub struct Preserved<T: ?Sized> {
    view: View<T>,
}

impl<T: ?Sized + FromBytes + IntoBytes + KnownLayout> Preserved<T> {
    /// Allocates at least `bytes` bytes of zeroes and preserves them.
    ///
    /// The size is rounded up to a power of two of pages. May sleep. Fails with [`EINVAL`] if
    /// `bytes` is 0 or no `T` fits, [`E2BIG`] if the page allocator has no block of that size,
    /// [`ENOMEM`].
    ///
    /// Call it only after KHO came up (`fs_initcall`), and if [`is_enabled()`]: KHO warns
    /// otherwise.
    pub fn zeroed(bytes: usize) -> Result<Self> {
        // SAFETY: There are no requirements to call this function.
        let mem = from_err_ptr(unsafe { bindings::kho_alloc_preserve(bytes) })?;
        // SAFETY: `kho_alloc_preserve()` returns the address of the folio that it allocated.
        let folio = unsafe { bindings::virt_to_folio(mem) };
        let folio = NonNull::new(folio).ok_or(ENOMEM)?;

        // SAFETY: The folio was allocated for this call alone, zeroed and without high memory, and
        // lives until `kho_unpreserve_free()`.
        let view = unsafe { View::new(folio) }.inspect_err(|_| {
            // SAFETY: `mem` came from `kho_alloc_preserve()`, and there is no view of it.
            unsafe { bindings::kho_unpreserve_free(mem) }
        })?;

        // INVARIANT: `view` is of the folio that was just allocated and preserved, and the
        // reference that comes with it is ours.
        Ok(Self { view })
    }
}

impl<T: ?Sized> Preserved<T> {
    /// Returns the number by which the next kernel finds the memory.
    pub fn handle(&self) -> u64 {
        // SAFETY: By the type invariants of `View`, the address is one of the direct map.
        unsafe { bindings::virt_to_phys(self.view.base()) }
    }

    /// Returns how many bytes are preserved.
    #[inline]
    pub fn size(&self) -> usize {
        self.view.size
    }

    /// Returns whether the folio still is what it was when it was allocated.
    ///
    /// It always should be. This is for a last look before the next kernel takes over.
    pub fn is_intact(&self) -> bool {
        // SAFETY: By the type invariants of `View`, the address is one of the direct map.
        let folio = unsafe { bindings::virt_to_folio(self.view.base()) };
        // SAFETY: The address lies in a folio that is alive.
        let (size, base) = unsafe { (bindings::folio_size(folio), bindings::folio_address(folio)) };

        size == self.view.size && base == self.view.base()
    }
}

impl<T: ?Sized> Deref for Preserved<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.view
    }
}

impl<T: ?Sized> DerefMut for Preserved<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.view
    }
}

impl<T: ?Sized> Drop for Preserved<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, the folio is preserved, with a reference that is ours;
        // this is the only place that gives it back, and the view ends with `self`.
        unsafe { bindings::kho_unpreserve_free(self.view.base()) }
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
///
/// # Invariants
///
/// `folio` points to the folio of `view`, and `self` owns a reference on it.
pub struct Restored<T: ?Sized> {
    view: View<T>,
    folio: NonNull<bindings::folio>,
}

impl<T: ?Sized + FromBytes + IntoBytes + KnownLayout> Restored<T> {
    /// Takes the memory over from the previous kernel.
    ///
    /// Fails with [`ENOENT`] if the handle is null, and with [`EINVAL`] if it is not the address of
    /// preserved memory, or if the memory is too small for a `T`. In the last case it is freed.
    pub fn take(handle: Handle) -> Result<Self> {
        let folio = handle.restore()?;

        // SAFETY: `restore()` returned a folio, which is initialized, as somebody wrote it or KHO
        // zeroed it. By the type invariant of `Handle`, nobody else accesses it, and the reference
        // keeps it alive. KHO preserves memory of the direct map only.
        let view = unsafe { View::new(folio) }.inspect_err(|_| {
            // SAFETY: The reference came from `restore()`, and there is no view.
            unsafe { bindings::folio_put(folio.as_ptr()) }
        })?;

        // INVARIANT: `view` is of `folio`, and the reference moves into `Self`.
        Ok(Self { view, folio })
    }
}

impl<T: ?Sized> Restored<T> {
    /// Returns how many bytes the folio has, whatever is written in it.
    #[inline]
    pub fn size(&self) -> usize {
        self.view.size
    }
}

impl<T: ?Sized> Deref for Restored<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.view
    }
}

impl<T: ?Sized> DerefMut for Restored<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.view
    }
}

impl<T: ?Sized> Drop for Restored<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, `self` owns a reference, and the view ends with `self`.
        unsafe { bindings::folio_put(self.folio.as_ptr()) }
    }
}

// SAFETY: The reference on the folio may be given back from any thread; `View` handles the rest.
unsafe impl<T: ?Sized + Send> Send for Restored<T> {}

// SAFETY: `folio` is not reachable through a shared reference; `View` handles the rest.
unsafe impl<T: ?Sized + Sync> Sync for Restored<T> {}
