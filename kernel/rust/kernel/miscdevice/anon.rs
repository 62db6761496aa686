// SPDX-License-Identifier: GPL-2.0

//! Files of a misc device that were not opened through its node.

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
    /// Makes a file that behaves as if [`MiscDevice::open`] had returned `private` for it.
    ///
    /// For a driver that has to come up with an open file itself, and not at the request of
    /// somebody who opens a node, as after a live update. The file lives on an anonymous inode that
    /// shows up as `name` in `/proc`. It ends like the others, with [`MiscDevice::release`].
    ///
    /// `flags` are the access mode and `O_NONBLOCK`, see [`flags`](crate::fs::file::flags).
    pub fn anon_file(name: &CStr, private: T::Ptr, flags: u32) -> Result<ARef<File>> {
        let private = private.into_foreign();

        // SAFETY: The name is copied. The operations live as long as the module, on which the file
        // holds a reference. They find what they expect: `private` is what a `T::open()` returned.
        let file = from_err_ptr(unsafe {
            bindings::anon_inode_getfile_fmode(
                name.as_char_ptr(),
                MiscdeviceVTable::<T>::build(),
                private,
                // CAST: The flags are bits, of which the sign bit is none.
                flags as c_int,
                // What a file has that was opened through a node.
                bindings::FMODE_PREAD | bindings::FMODE_PWRITE,
            )
        })
        .inspect_err(|_| {
            // SAFETY: This came from `into_foreign()` above, and there is no file that has it.
            drop(unsafe { T::Ptr::from_foreign(private) });
        })?;
        let file = NonNull::new(file).ok_or(ENOMEM)?;

        // SAFETY: The reference on the new file is ours.
        let file = unsafe { ARef::<LocalFile>::from_raw(file.cast()) };

        // SAFETY: Nobody else knows the file, so there is no `fdget_pos()` on it.
        Ok(unsafe { LocalFile::assume_no_fdget_pos(file) })
    }
}
