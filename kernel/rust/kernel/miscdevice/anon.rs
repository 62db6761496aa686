// SPDX-License-Identifier: GPL-2.0

//! Files of a misc device that are not opened through its node.

use super::{
    MiscDevice,
    MiscDeviceRegistration,
    MiscdeviceVTable, //
};
use crate::{
    bindings,
    error::from_err_ptr,
    fs::{
        File,
        LocalFile, //
    },
    prelude::*,
    sync::aref::ARef,
    types::ForeignOwnable, //
};
use core::ptr::NonNull;

impl<T: MiscDevice> MiscDeviceRegistration<T> {
    /// Creates a file as if [`MiscDevice::open`] had returned `private` for it.
    ///
    /// This is for a driver that has to create an open file itself, as it does after a live update.
    /// The file has an anonymous inode, which `/proc` shows as `name`. [`MiscDevice::release`] is
    /// called for it as for any other file.
    ///
    /// `flags` are the access mode and `O_NONBLOCK`, see [`flags`](crate::fs::file::flags).
    pub fn anon_file(name: &CStr, private: T::Ptr, flags: u32) -> Result<ARef<File>> {
        let private = private.into_foreign();

        // SAFETY: The name is copied. The operations live as long as the module, on which the file
        // holds a reference. They expect the private data of a file that `T::open()` returned, of
        // the same type as `private`.
        let file = from_err_ptr(unsafe {
            bindings::anon_inode_getfile_fmode(
                name.as_char_ptr(),
                MiscdeviceVTable::<T>::build(),
                private,
                // CAST: The sign bit is not a flag.
                flags as c_int,
                // The mode of a file that is opened through a node.
                bindings::FMODE_PREAD | bindings::FMODE_PWRITE,
            )
        })
        .inspect_err(|_| {
            // SAFETY: This came from `into_foreign()` above, and no file uses it.
            drop(unsafe { T::Ptr::from_foreign(private) });
        })?;
        let file = NonNull::new(file).ok_or(ENOMEM)?;

        // SAFETY: The reference on the new file is ours.
        let file = unsafe { ARef::<LocalFile>::from_raw(file.cast()) };

        // SAFETY: The file is not installed anywhere, so there is no `fdget_pos()` on it.
        Ok(unsafe { LocalFile::assume_no_fdget_pos(file) })
    }
}
