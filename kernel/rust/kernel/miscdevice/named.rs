// SPDX-License-Identifier: GPL-2.0

//! Misc devices with a dynamic name.

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
/// This is for a driver that registers a misc device for each device that it is bound to.
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
        // SAFETY: Only `misc` gets this reference. The misc core does not use it after `misc` was
        // dropped, which is before `name` is. Moving `name` does not move its bytes.
        let unbound: &'static CStr = unsafe { &*ptr::from_ref::<CStr>(&name) };

        // INVARIANT: `misc` refers to the bytes of `name`, which is never changed.
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
