// SPDX-License-Identifier: GPL-2.0

//! The way to VFIO, and back: functions in C, and one that C calls.

use crate::table;
use core::ptr::NonNull;
use kernel::{
    bindings,
    error::{
        from_err_ptr,
        to_result, //
    },
    fs::{
        File,
        LocalFile, //
    },
    pci,
    prelude::*,
    sync::aref::ARef, //
};

/// The C structure of a device.
fn raw(dev: &pci::Device) -> *mut bindings::pci_dev {
    core::ptr::from_ref(dev).cast_mut().cast()
}

/// A reference to what C calls a device.
///
/// # Safety
///
/// `dev` must be a valid device that lives for `'a`.
unsafe fn device<'a>(dev: *mut bindings::pci_dev) -> &'a pci::Device {
    // SAFETY: By the safety requirements of this function; `pci::Device` is a transparent wrapper.
    unsafe { &*dev.cast() }
}

/// Returns whether VFIO has opened the file, for whatever.
pub(crate) fn is_vfio(file: &File) -> bool {
    // SAFETY: There is a reference on the file during the call, as in all calls below.
    unsafe { bindings::vfio_pci_file_is_vfio(file.as_ptr()) }
}

/// A file whose device is marked as preserved.
///
/// Dropping it takes the mark away.
///
/// # Invariants
///
/// `vfio_pci_file_preserve()` succeeded for the file, which LUO holds, and has not been undone.
pub(crate) struct Marked(NonNull<bindings::file>);

// SAFETY: The mark is protected by a lock of VFIO, and files can be used by any thread.
unsafe impl Send for Marked {}

impl Marked {
    /// Marks the device of a file that LUO is about to hold. The device must not have changed since
    /// the callback began, so this keeps nothing that it has not given back when LUO puts the file.
    pub(crate) fn new(file: &File) -> Result<(Self, ARef<pci::Device>)> {
        let held = NonNull::new(file.as_ptr()).ok_or(EINVAL)?;
        // SAFETY: There is a reference on the file.
        let dev = from_err_ptr(unsafe { bindings::vfio_pci_file_preserve(file.as_ptr()) })?;
        // INVARIANT: It succeeded just now.
        let marked = Self(held);

        // SAFETY: The device is that of an open file, which keeps it.
        Ok((marked, unsafe { device(dev) }.into()))
    }

    /// Forgets the mark, because the device was closed, which takes it away as well.
    pub(crate) fn forget(self) {
        core::mem::forget(self);
    }
}

impl Drop for Marked {
    fn drop(&mut self) {
        // SAFETY: By the type invariant, LUO holds the file, and the mark is there.
        unsafe { bindings::vfio_pci_file_unpreserve(self.0.as_ptr()) }
    }
}

/// Keeps user space and interrupts away from the device of a preserved file that is not closed.
pub(crate) fn freeze(file: &File) -> Result {
    // SAFETY: As above; the callers make sure that the device is not closed.
    to_result(unsafe { bindings::vfio_pci_file_freeze(file.as_ptr()) })
}

/// Undoes [`freeze`].
pub(crate) fn unfreeze(file: &File) {
    // SAFETY: As above.
    unsafe { bindings::vfio_pci_file_unfreeze(file.as_ptr()) }
}

/// Opens a device as if through its node. Fails with [`EAGAIN`] if its driver is not bound.
pub(crate) fn retrieve(dev: &pci::Device) -> Result<ARef<File>> {
    // SAFETY: By the type invariant of `pci::Device`, this is a valid device.
    let file = from_err_ptr(unsafe { bindings::vfio_pci_file_retrieve(raw(dev)) })?;
    let file = NonNull::new(file).ok_or(ENOMEM)?;

    // SAFETY: The reference on the new file is ours.
    let file = unsafe { ARef::<LocalFile>::from_raw(file.cast()) };

    // SAFETY: The file is not installed anywhere, so there is no `fdget_pos()` on it.
    Ok(unsafe { LocalFile::assume_no_fdget_pos(file) })
}

/// Keeps a reference on the file until the calling thread returns to user space. By then LUO and
/// the process that retrieves the file have theirs, so that the file never looks unused in between.
pub(crate) fn hold(file: &File) -> Result {
    // SAFETY: There is a reference on the file.
    to_result(unsafe { bindings::vfio_pci_file_hold(file.as_ptr()) })
}

/// Returns whether the calling process would be allowed to open the device.
pub(crate) fn may_use(file: &File) -> bool {
    // SAFETY: As above.
    unsafe { bindings::vfio_pci_file_may_use(file.as_ptr()) }
}

/// Returns whether user space has bound the file, and mapped memory for the device.
pub(crate) fn has_memory(file: &File) -> bool {
    // SAFETY: As above.
    unsafe { bindings::vfio_pci_file_has_memory(file.as_ptr()) }
}

/// Makes VFIO forget that LUO holds the file.
pub(crate) fn finish(file: &File) {
    // SAFETY: As above.
    unsafe { bindings::vfio_pci_file_finish(file.as_ptr()) }
}

/// Returns whether nobody but LUO holds the file of a device, whose driver asks.
pub(crate) fn is_unused(dev: &pci::Device) -> bool {
    // SAFETY: By the type invariant of `pci::Device`, this is a valid device. Its driver is asking,
    // so that the device has the data of the driver.
    unsafe { bindings::vfio_pci_file_unused(raw(dev)) }
}

/// Closes a device for which [`is_unused`] returned true.
pub(crate) fn close(dev: &pci::Device) {
    // SAFETY: As in `is_unused()`.
    unsafe { bindings::vfio_pci_file_close(raw(dev)) }
}

/// Returns whether an IOMMU translates for the device.
pub(crate) fn has_iommu(dev: &pci::Device) -> bool {
    // SAFETY: By the type invariant of `pci::Device`, this is a valid device.
    unsafe { bindings::vfio_pci_has_iommu(raw(dev)) }
}

/// Called when the driver of a device is being unbound. Returns whether the device was closed,
/// because nobody but LUO held its file.
///
/// # Safety
///
/// `pdev` must be a valid device, bound to a driver of vfio-pci-core, which calls.
#[export]
pub unsafe extern "C" fn vfio_pci_liveupdate_give_up(pdev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function.
    table::give_up(unsafe { device(pdev) })
}
