// SPDX-License-Identifier: GPL-2.0

//! Misc devices whose name is made at run time.

use super::{
    MiscDevice,
    MiscDeviceOptions,
    MiscDeviceRegistration, //
};
use crate::{
    prelude::*,
    str::CString, //
};
use core::ptr;

/// A [`MiscDeviceRegistration`] that owns the name of its device.
///
/// For a driver that registers one misc device per device that it is bound to.
///
/// # Invariants
///
/// `misc` refers to the bytes of `name`, which stay where they are until `misc` is dropped.
#[pin_data]
pub struct NamedRegistration<T> {
    // Dropped first, as fields are dropped in the order of their declaration.
    #[pin]
    misc: MiscDeviceRegistration<T>,
    name: CString,
}

impl<T: MiscDevice> NamedRegistration<T> {
    /// Registers a misc device.
    pub fn register(name: CString) -> impl PinInit<Self, Error> {
        // SAFETY: `misc` is the only one to get this reference, which it passes on to the misc
        // core. That one lets go of it when `misc` is dropped. Moving `name` does not move its
        // bytes.
        let unbound: &'static CStr = unsafe { &*ptr::from_ref::<CStr>(&name) };

        // INVARIANT: `name` is moved into its place, and never changed.
        try_pin_init!(Self {
            misc <- MiscDeviceRegistration::register(MiscDeviceOptions { name: unbound }),
            name,
        })
    }

    /// Returns the name.
    pub fn name(&self) -> &CStr {
        &self.name
    }
}
