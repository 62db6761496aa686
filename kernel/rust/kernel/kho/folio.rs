// SPDX-License-Identifier: GPL-2.0

//! A folio of the direct map, seen as a value.

use super::{
    Address,
    Cpu, //
};
use crate::{
    alloc::flags::__GFP_ZERO,
    bindings,
    error::to_result,
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

/// Zeroed memory in one folio, which can be preserved for the next kernel.
///
/// `T` is a view of the whole folio: if its last field is a slice, the slice has as many elements
/// as fit, which may be more than were asked for.
///
/// Until [`preserve`](Self::preserve) is called, the memory is like any other, and KHO need not be
/// enabled. Dropping the value unpreserves the memory if necessary, and frees it.
///
/// # Examples
///
/// ```
/// use kernel::{
///     kho::{
///         self,
///         Folio, //
///     },
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
/// let mut table = Folio::<Table>::zeroed(100)?;
///
/// // The allocation was rounded up, and the slice takes all of it.
/// assert_eq!(table.size(), PAGE_SIZE);
/// assert_eq!(table.entries.len(), (PAGE_SIZE - 8) / 8);
/// assert!(table.entries.iter().all(|entry| *entry == 0));
///
/// if kho::is_enabled() {
///     let address = table.preserve()?.as_raw();
///
///     assert_ne!(address, 0);
///     assert!(address.is_multiple_of(PAGE_SIZE as u64));
///     assert_eq!(table.preserve()?.as_raw(), address);
/// }
///
/// table.entries[0] = 42;
/// table.used = 1;
/// # Ok::<(), Error>(())
/// ```
///
/// A size that no folio can have is refused, and so is memory too small for a `T`:
///
/// ```
/// use kernel::{
///     kho::Folio,
///     page::PAGE_SIZE, //
/// };
///
/// assert_eq!(Folio::<[u8]>::zeroed(0).err(), Some(EINVAL));
/// assert_eq!(Folio::<[u8]>::zeroed(usize::MAX).err(), Some(E2BIG));
/// assert_eq!(Folio::<[u8; 2 * PAGE_SIZE]>::zeroed(1).err(), Some(EINVAL));
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// - `ptr` points to the first byte of a folio of the direct map, is aligned for `T`, and the `T`
///   that it points to lies inside the folio. Every bit pattern is a valid `T`.
/// - The folio has `size` bytes. `self` owns a reference on it. Unless it is inside of a
///   [`Shared`](super::Shared), nobody else accesses its memory.
/// - If `preserved` is true, the folio is preserved by KHO.
pub struct Folio<T: ?Sized> {
    pub(super) ptr: NonNull<T>,
    pub(super) size: usize,
    pub(super) preserved: bool,
}

/// Returns the order of the smallest folio of at least `bytes` bytes.
fn order_of(bytes: usize) -> Result<u32> {
    if bytes == 0 {
        return Err(EINVAL);
    }

    let pages = bytes.div_ceil(PAGE_SIZE).checked_next_power_of_two();
    let order = pages.ok_or(E2BIG)?.trailing_zeros();

    if order > bindings::MAX_PAGE_ORDER {
        return Err(E2BIG);
    }
    Ok(order)
}

impl<T: ?Sized + FromBytes + IntoBytes + KnownLayout> Folio<T> {
    /// Allocates a folio of at least `bytes` bytes of zeroes.
    ///
    /// The size is rounded up to a power of two of pages. May sleep. Fails with [`EINVAL`] if
    /// `bytes` is 0 or no `T` fits, [`E2BIG`] if the page allocator has no folio of that size,
    /// [`ENOMEM`].
    pub fn zeroed(bytes: usize) -> Result<Self> {
        let flags = (GFP_KERNEL | __GFP_ZERO).as_raw();
        let order = order_of(bytes)?;

        // SAFETY: The page allocator has folios of that order.
        let folio = NonNull::new(unsafe { bindings::folio_alloc(flags, order) }).ok_or(ENOMEM)?;

        // SAFETY: The folio was allocated for this call alone, zeroed and without high memory, and
        // the reference on it is passed on.
        unsafe { Self::from_raw(folio) }
    }

    /// Takes over a reference on a folio. On failure the reference is put.
    ///
    /// Fails with [`EINVAL`] if not even the smallest `T` fits.
    ///
    /// # Safety
    ///
    /// `folio` must point to an initialized folio of the direct map that is not preserved. The
    /// caller must own a reference on it, and nobody but the returned value may access its memory.
    pub(super) unsafe fn from_raw(folio: NonNull<bindings::folio>) -> Result<Self> {
        // SAFETY: `folio` is valid by the safety requirements of this function.
        let (size, base) = unsafe {
            (
                bindings::folio_size(folio.as_ptr()),
                bindings::folio_address(folio.as_ptr()),
            )
        };

        // SAFETY: By the safety requirements, the folio is in the direct map, so that `size` bytes
        // from `base` on can be read and written; they are initialized, and nobody else uses them.
        let bytes = unsafe { slice::from_raw_parts_mut(base.cast::<u8>(), size) };
        let Ok((view, _rest)) = T::mut_from_prefix(bytes) else {
            // SAFETY: The reference is ours by the safety requirements, and there is no view.
            unsafe { bindings::folio_put(folio.as_ptr()) };
            return Err(EINVAL);
        };

        // INVARIANT: A prefix of the folio's bytes starts at its first byte; zerocopy checked size
        // and alignment, and `T` is `FromBytes`. The rest are the safety requirements of this
        // function.
        Ok(Self {
            ptr: NonNull::from(view),
            size,
            preserved: false,
        })
    }
}

impl<T: ?Sized> Folio<T> {
    /// Preserves the folio, and returns its address, for the next kernel.
    ///
    /// A folio that is preserved already stays so. May sleep. Fails with [`ENOMEM`].
    ///
    /// Call it only after KHO was initialized (`fs_initcall`), and if
    /// [`is_enabled()`](super::is_enabled): KHO warns otherwise.
    pub fn preserve(&mut self) -> Result<Address<Cpu>> {
        if !self.preserved {
            // SAFETY: By the type invariants, the folio is alive.
            to_result(unsafe { bindings::kho_preserve_folio(self.as_raw()) })?;
            // INVARIANT: The folio was preserved just now.
            self.preserved = true;
        }

        // SAFETY: By the type invariants, the folio is preserved, and no device accesses it.
        Ok(unsafe { Address::new(self.phys()) })
    }

    /// Returns how many bytes the folio has.
    #[inline]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns whether the folio is still what it was when it was allocated.
    ///
    /// It should always be. This is for a last check before the next kernel is executed.
    pub fn is_intact(&self) -> bool {
        let folio = self.as_raw();
        // SAFETY: By the type invariants, the folio is alive.
        let (size, base) = unsafe { (bindings::folio_size(folio), bindings::folio_address(folio)) };

        size == self.size && base == self.base()
    }

    /// Returns the physical address.
    ///
    /// It is where a device finds the memory, if no IOMMU translates its addresses. A device may
    /// access the memory only after [`share()`](Self::share).
    pub fn phys(&self) -> u64 {
        // SAFETY: By the type invariants, the address is one of the direct map.
        unsafe { bindings::virt_to_phys(self.base()) }
    }

    fn base(&self) -> *mut c_void {
        self.ptr.as_ptr().cast()
    }

    fn as_raw(&self) -> *mut bindings::folio {
        // SAFETY: By the type invariants, the address is one of the direct map.
        unsafe { bindings::virt_to_folio(self.base()) }
    }
}

impl<T: ?Sized> Deref for Folio<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: By the type invariants, `ptr` is valid for the life of `self`, and points to a
        // valid `T`.
        unsafe { self.ptr.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for Folio<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: As in `deref()`. Nobody else accesses the memory, and `self` is borrowed mutably.
        unsafe { self.ptr.as_mut() }
    }
}

impl<T: ?Sized> Drop for Folio<T> {
    fn drop(&mut self) {
        let folio = self.as_raw();

        if self.preserved {
            // SAFETY: By the type invariants, the folio is preserved.
            unsafe { bindings::kho_unpreserve_folio(folio) }
        }
        // SAFETY: By the type invariants, `self` owns a reference, and nobody uses the memory.
        unsafe { bindings::folio_put(folio) }
    }
}

// SAFETY: By the type invariants, the value is the only access to its memory, like `&mut T`. The
// reference on the folio may be put by any thread.
unsafe impl<T: ?Sized + Send> Send for Folio<T> {}

// SAFETY: A shared reference gives out nothing but `&T`.
unsafe impl<T: ?Sized + Sync> Sync for Folio<T> {}
