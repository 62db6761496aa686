// SPDX-License-Identifier: GPL-2.0

//! The world of the machine, and the world of the unit tests.
//!
//! KUnit tests call what drivers and the PCI core call, on devices of their own, in a kernel that
//! may have real devices to preserve. So that neither is seen by the other, a task that runs a test
//! is in another world: what the core remembers is there once for each.

use core::ops::{
    Deref,
    DerefMut, //
};
use kernel::liveupdate;
#[cfg(CONFIG_PCI_LIVEUPDATE_KUNIT_TEST)]
use kernel::{
    bindings,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// How many worlds there are.
pub(crate) const WORLDS: usize = if cfg!(CONFIG_PCI_LIVEUPDATE_KUNIT_TEST) {
    2
} else {
    1
};

/// Whatever it derefs to is that of the world which the current task is in.
pub(crate) struct PerWorld<T>([T; WORLDS]);

impl<T> PerWorld<T> {
    pub(crate) const fn new(each: [T; WORLDS]) -> Self {
        Self(each)
    }
}

impl<T> Deref for PerWorld<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match (&self.0, is_test()) {
            ([machine, ..], false) => machine,
            ([.., test], true) => test,
        }
    }
}

impl<T> DerefMut for PerWorld<T> {
    fn deref_mut(&mut self) -> &mut T {
        match (&mut self.0, is_test()) {
            ([machine, ..], false) => machine,
            ([.., test], true) => test,
        }
    }
}

/// Whether devices can be preserved in tests.
#[cfg(CONFIG_PCI_LIVEUPDATE_KUNIT_TEST)]
static ENABLED: Atomic<bool> = Atomic::new(true);

/// Whether devices can be preserved at all. In tests they can, whatever the command line says,
/// unless the test says otherwise.
pub(crate) fn is_enabled() -> bool {
    #[cfg(CONFIG_PCI_LIVEUPDATE_KUNIT_TEST)]
    if is_test() {
        return ENABLED.load(Relaxed);
    }
    liveupdate::is_enabled()
}

/// Says whether devices can be preserved in tests.
#[cfg(CONFIG_PCI_LIVEUPDATE_KUNIT_TEST)]
pub(crate) fn enable(on: bool) {
    ENABLED.store(on, Relaxed);
}

/// Whether the current task runs a test.
#[cfg(CONFIG_PCI_LIVEUPDATE_KUNIT_TEST)]
fn is_test() -> bool {
    // SAFETY: Always safe to call.
    !unsafe { bindings::kunit_get_current_test() }.is_null()
}

#[cfg(not(CONFIG_PCI_LIVEUPDATE_KUNIT_TEST))]
const fn is_test() -> bool {
    false
}
