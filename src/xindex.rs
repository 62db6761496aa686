// SPDX-License-Identifier: GPL-2.0

//! The index of the logic, as an xarray.

use crate::{
    abi::Key,
    logic::Index, //
};
use kernel::{
    prelude::*,
    types::ForeignOwnable,
    xarray::{
        AllocKind,
        XArray, //
    }, //
};

/// An xarray with a number for each function, under [`Key::index`].
pub(crate) struct XIndex(Pin<KBox<XArray<Number>>>);

impl XIndex {
    /// Creates an empty one.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(KBox::pin_init(
            XArray::new(AllocKind::Alloc),
            GFP_KERNEL,
        )?))
    }
}

/// A key as an index: no bit of it is lost where `unsigned long` has 64.
fn index(key: Key) -> usize {
    // CAST: `CONFIG_PCI_LIVEUPDATE` depends on `CONFIG_64BIT`.
    key.index() as usize
}

impl Index for XIndex {
    type Error = Error;

    fn get(&self, key: Key) -> Option<u32> {
        self.0.lock().get(index(key))
    }

    fn insert(&mut self, key: Key, nr: u32) -> Result<Option<u32>> {
        let old = self.0.lock().store(index(key), Number(nr), GFP_KERNEL)?;

        Ok(old.map(|Number(nr)| nr))
    }
}

/// A number that needs no memory of its own in an xarray.
struct Number(u32);

impl Number {
    /// What is not used of a number in an xarray, where the low bits tell other entries apart.
    const SHIFT: u32 = Self::FOREIGN_ALIGN.trailing_zeros();

    fn from_address(address: usize) -> u32 {
        // CAST: `into_foreign()` made it of 32 bits.
        ((address >> Self::SHIFT) - 1) as u32
    }
}

// SAFETY: `into_foreign()` returns a multiple of `FOREIGN_ALIGN` that is not null, as 1 is added to
// 32 bits before they are shifted by less than the 32 that are left. Nothing is behind the pointer,
// so that it may be borrowed in any way.
unsafe impl ForeignOwnable for Number {
    const FOREIGN_ALIGN: usize = 4;

    type Borrowed<'a> = u32;
    type BorrowedMut<'a> = u32;

    fn into_foreign(self) -> *mut c_void {
        // CAST: `usize` has 64 bits.
        core::ptr::without_provenance_mut((self.0 as usize + 1) << Self::SHIFT)
    }

    unsafe fn from_foreign(ptr: *mut c_void) -> Self {
        Self(Self::from_address(ptr.addr()))
    }

    unsafe fn borrow<'a>(ptr: *mut c_void) -> Self::Borrowed<'a> {
        Self::from_address(ptr.addr())
    }

    unsafe fn borrow_mut<'a>(ptr: *mut c_void) -> Self::BorrowedMut<'a> {
        Self::from_address(ptr.addr())
    }
}
