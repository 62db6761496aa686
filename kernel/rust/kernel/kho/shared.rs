// SPDX-License-Identifier: GPL-2.0

//! Preserved memory that a device accesses.

use super::{
    Address,
    Dma,
    Folio,
    Handle, //
};
use crate::{
    bindings,
    error::to_result,
    io::{
        IoBase,
        SysMem,
        SysMemBackend, //
    },
    prelude::*,
    ptr::KnownSize, //
};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};

/// Preserved memory that a device accesses by DMA, also while the kernel is replaced.
///
/// The device writes to the memory on its own, so there are no references to it. It is accessed
/// with the methods and macros of [`Io`](crate::io::Io), which make one volatile access each.
///
/// Dropping the value leaks the memory: it stays allocated and preserved, since the device does not
/// know that the value is gone. Free it with [`into_folio`](Self::into_folio), once the device has
/// stopped.
///
/// # Examples
///
/// ```
/// use kernel::{
///     io::{
///         io_read,
///         io_write, //
///     },
///     kho::{
///         self,
///         Folio, //
///     },
/// };
/// use zerocopy_derive::KnownLayout;
///
/// #[repr(C)]
/// #[derive(FromBytes, IntoBytes, KnownLayout)]
/// struct Ring {
///     head: u32,
///     tail: u32,
///     slots: [u64; 64],
/// }
///
/// if kho::is_enabled() {
///     let mut folio = Folio::<Ring>::zeroed(size_of::<Ring>())?;
///
///     folio.slots[3] = 42;
///
///     let ring = folio.share()?;
///
///     io_write!(ring, .tail, 4);
///     assert_eq!(io_read!(ring, .slots[try: 3]), 42);
///     assert_eq!(io_read!(ring, .head), 0);
///
///     // SAFETY: No device was told of the memory.
///     drop(unsafe { ring.into_folio() });
/// }
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// - The folio is preserved.
/// - There are no references to its memory, and no [`Address`] of it that says [`Cpu`](super::Cpu).
pub struct Shared<T: ?Sized> {
    folio: ManuallyDrop<Folio<T>>,
}

impl<T: ?Sized> Folio<T> {
    /// Preserves the memory for use by a device.
    ///
    /// Fails with [`EBUSY`] if it is preserved already, as the next kernel may have been promised
    /// that no device accesses it, and otherwise like [`preserve()`](Self::preserve). On failure
    /// the memory is freed.
    pub fn share(mut self) -> Result<Shared<T>> {
        if self.preserved {
            return Err(EBUSY);
        }

        self.preserve()?;
        // INVARIANT: The folio was preserved just now. `self` is moved, so nothing borrows from it,
        // and the address that `preserve()` returned is gone.
        Ok(Shared {
            folio: ManuallyDrop::new(self),
        })
    }
}

impl<T: FromBytes + IntoBytes> Shared<T> {
    /// Takes over memory of the previous kernel that a device may be accessing at this moment.
    ///
    /// It is preserved for the kernel after this one at once, since the device cannot be told to
    /// use other memory later.
    ///
    /// Fails with [`ENOENT`] if the handle is null, with [`EINVAL`] if no memory was preserved at
    /// that address, or if it is too small for a `T`, and with [`ENOMEM`]. On failure the memory is
    /// leaked, since the device may still be accessing it.
    pub fn take(handle: Handle<Dma>) -> Result<Self> {
        let folio = handle.restore()?.as_ptr();

        // SAFETY: `restore()` returned a folio with a reference that is ours, and is not put by an
        // early return.
        let (size, base) = unsafe { (bindings::folio_size(folio), bindings::folio_address(folio)) };
        let ptr = NonNull::new(base.cast::<T>()).ok_or(EINVAL)?;
        if size < size_of::<T>() || !ptr.is_aligned() {
            return Err(EINVAL);
        }
        // SAFETY: As above.
        to_result(unsafe { bindings::kho_preserve_folio(folio) })?;

        // INVARIANT: `T` fits into the folio, is valid for every bit pattern, and was preserved
        // just now. By the type invariants of `Handle`, nobody else in this kernel accesses the
        // memory, so there are neither references nor addresses.
        Ok(Self {
            folio: ManuallyDrop::new(Folio {
                ptr,
                size,
                preserved: true,
            }),
        })
    }
}

impl<T: ?Sized> Shared<T> {
    /// Returns the address, for the next kernel and for the device.
    #[inline]
    pub fn address(&self) -> Address<Dma> {
        // SAFETY: By the type invariants, the folio is preserved, and accessed by a device.
        unsafe { Address::new(self.folio.phys()) }
    }

    /// Takes the memory back from the device. It is freed when the result is dropped.
    ///
    /// # Safety
    ///
    /// No device may access the memory any more. For a PCI device that means that it was reset and
    /// not started again, or that Bus Master is off, and that its transactions have completed.
    pub unsafe fn into_folio(self) -> Folio<T> {
        // INVARIANT: By the safety requirements of this function, this kernel is the only one to
        // access the memory.
        ManuallyDrop::into_inner(self.folio)
    }
}

impl<'a, T: ?Sized + KnownSize> IoBase<'a> for &'a Shared<T> {
    type Backend = SysMemBackend;
    type Target = T;

    #[inline]
    fn as_view(self) -> SysMem<'a, T> {
        // SAFETY: By the type invariants of `Folio`, the pointer is to an aligned `T` inside of a
        // folio that lives as long as `self.folio`, hence as `'a`.
        unsafe { SysMem::new(self.folio.ptr.as_ptr()) }
    }
}
