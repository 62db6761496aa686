// SPDX-License-Identifier: GPL-2.0

//! Preserved memory that a device works on.

use super::{
    Folio,
    Handle,
    Preserved, //
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
use core::ptr::NonNull;

/// [`Preserved`] memory that a device reads and writes on its own, also while kernels change.
///
/// A reference would promise that the memory only changes through it, which a device does not
/// know. So there are no references to this memory: it is read and written with the methods and
/// macros of [`Io`](crate::io::Io), each of which makes one volatile access.
///
/// The device does not notice when the value is dropped and the memory is free again. It must have
/// stopped to use it before.
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
///         Preserved, //
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
///     let ring = Preserved::<Ring>::zeroed(size_of::<Ring>())?.share();
///
///     io_write!(ring, .slots[try: 3], 42);
///     io_write!(ring, .tail, 4);
///
///     assert_eq!(io_read!(ring, .slots[try: 3]), 42);
///     assert_eq!(io_read!(ring, .head), 0);
/// }
/// # Ok::<(), Error>(())
/// ```
///
/// # Invariants
///
/// There are no references to the memory.
pub struct Shared<T: ?Sized> {
    memory: Preserved<T>,
}

impl<T: ?Sized> Preserved<T> {
    /// Makes it memory that a device may work on.
    #[inline]
    pub fn share(self) -> Shared<T> {
        // INVARIANT: `self` is moved, so nothing borrows from it.
        Shared { memory: self }
    }
}

impl<T: FromBytes + IntoBytes> Shared<T> {
    /// Takes over memory of the previous kernel that a device may be writing to right now.
    ///
    /// It is preserved for the kernel after this one from the first moment on, because it cannot
    /// move there later.
    ///
    /// Fails with [`ENOENT`] if the handle is null, with [`EINVAL`] if it is not the address of
    /// preserved memory, or if the memory is too small for a `T`, and with [`ENOMEM`] if KHO has no
    /// room to remember it. It is lost then until the next boot, but never free: the device does
    /// not know.
    pub fn take(handle: Handle) -> Result<Self> {
        let folio = handle.restore()?.as_ptr();

        // SAFETY: `restore()` returned a folio that is alive, with a reference that is ours and is
        // not given back by an early return.
        let (size, base) = unsafe { (bindings::folio_size(folio), bindings::folio_address(folio)) };
        let ptr = NonNull::new(base.cast::<T>()).ok_or(EINVAL)?;
        if size < size_of::<T>() || !ptr.is_aligned() {
            return Err(EINVAL);
        }
        // SAFETY: As above.
        to_result(unsafe { bindings::kho_preserve_folio(folio) })?;

        // INVARIANT: `T` fits into the folio, which KHO preserves and nobody else of this kernel
        // uses, by the type invariant of `Handle`. There was no reference to the memory.
        Ok(Self {
            memory: Preserved(Folio {
                ptr,
                size,
                preserved: true,
            }),
        })
    }
}

impl<T: ?Sized> Shared<T> {
    /// Returns the number by which the next kernel finds the memory.
    ///
    /// It is the physical address of the first byte. To a device whose addresses nobody translates,
    /// it says where the memory is.
    #[inline]
    pub fn handle(&self) -> u64 {
        self.memory.handle()
    }
}

impl<'a, T: ?Sized + KnownSize> IoBase<'a> for &'a Shared<T> {
    type Backend = SysMemBackend;
    type Target = T;

    #[inline]
    fn as_view(self) -> SysMem<'a, T> {
        // SAFETY: By the type invariants of `Folio`, the pointer is to an aligned `T` inside of a
        // folio that lives as long as `self.memory`, hence as `'a`.
        unsafe { SysMem::new(self.memory.0.ptr.as_ptr()) }
    }
}
