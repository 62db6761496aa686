// SPDX-License-Identifier: GPL-2.0

//! Values that hooks read without a lock.

use core::cell::UnsafeCell;

/// A value that is read and written at once, as with `READ_ONCE()` and `WRITE_ONCE()` in C.
///
/// Whoever reads it while it is written gets the old value or the new one, and nothing else is
/// ordered by that.
///
/// # Invariants
///
/// `T` is one of the types that a processor reads and writes at once.
#[repr(transparent)]
pub(crate) struct Once<T>(UnsafeCell<T>);

impl<T: Copy> Once<T> {
    pub(crate) const fn new(value: T) -> Self {
        const { assert!(size_of::<T>().is_power_of_two() && size_of::<T>() <= 8) };

        // INVARIANT: checked just now; the alignment follows from the type.
        Self(UnsafeCell::new(value))
    }

    #[inline(always)]
    pub(crate) fn read(&self) -> T {
        // SAFETY: The cell is valid and aligned. By the type invariant, a read that races with a
        // write returns the old value or the new one. This corresponds to `READ_ONCE()`.
        unsafe { self.0.get().read_volatile() }
    }

    #[inline(always)]
    pub(crate) fn write(&self, value: T) {
        // SAFETY: As above. This corresponds to `WRITE_ONCE()`.
        unsafe { self.0.get().write_volatile(value) }
    }
}

// SAFETY: By the type invariant, every access is one of the processor.
unsafe impl<T: Copy + Send> Sync for Once<T> {}
