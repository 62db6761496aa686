// SPDX-License-Identifier: GPL-2.0

//! Preserved memory that a device works on.

use super::Preserved;
use crate::{
    io::{
        IoBase,
        SysMem,
        SysMemBackend, //
    },
    ptr::KnownSize, //
};

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
        // SAFETY: By the type invariants of `View`, the pointer is to an aligned `T` inside of a
        // folio that lives as long as `self.memory`, hence as `'a`.
        unsafe { SysMem::new(self.memory.view.ptr.as_ptr()) }
    }
}
