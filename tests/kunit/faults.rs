// SPDX-License-Identifier: GPL-2.0

//! Every allocation of an operation fails, one after the other, alone or with all after it.

use kernel::{
    error::to_result,
    prelude::*,
    types::NotThreadSafe, //
};

extern "C" {
    fn pci_liveupdate_test_allow_faults(allow: bool) -> c_int;
    fn pci_liveupdate_test_fail_nth(nth: c_uint, rest: bool);
    fn pci_liveupdate_test_fail_left() -> c_uint;
}

/// No operation has as many allocations.
const TOO_MANY: c_uint = 1000;

/// While it lives, any allocation of the task can be made to fail.
pub(crate) struct Faults(NotThreadSafe);

impl Faults {
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: Always safe to call.
        to_result(unsafe { pci_liveupdate_test_allow_faults(true) })?;
        Ok(Self(NotThreadSafe))
    }

    /// Calls `trial` with an operation whose first allocation fails, its second, and so on, until
    /// none failed as there are no more. Then the same, with all after it failing as well: many
    /// that fail alone are made in another way. Returns how many failed.
    pub(crate) fn each(
        &self,
        what: &str,
        mut trial: impl FnMut(&mut Trial) -> Result,
    ) -> Result<c_uint> {
        let one = Self::until_none_fails(false, &mut trial)?;
        let rest = Self::until_none_fails(true, &mut trial)?;

        pr_info!("{what}: {one} allocations failed; with all after it: {rest}\n");
        Ok(one)
    }

    fn until_none_fails(
        rest: bool,
        trial: &mut impl FnMut(&mut Trial) -> Result,
    ) -> Result<c_uint> {
        for nth in 1..TOO_MANY {
            let failed = None;
            let mut this = Trial { nth, rest, failed };

            trial(&mut this).inspect_err(|_| pr_err!("trial {nth}, rest: {rest}\n"))?;
            if !this.failed.ok_or(EINVAL)? {
                return Ok(nth - 1);
            }
        }
        Err(E2BIG)
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        // SAFETY: Always safe to call.
        unsafe { pci_liveupdate_test_allow_faults(false) };
    }
}

/// An operation with its Nth allocation failing, and maybe all after it.
pub(crate) struct Trial {
    nth: c_uint,
    rest: bool,
    failed: Option<bool>,
}

impl Trial {
    /// Does it.
    pub(crate) fn run<T>(&mut self, operation: impl FnOnce() -> T) -> T {
        // SAFETY: Always safe to call.
        unsafe { pci_liveupdate_test_fail_nth(self.nth, self.rest) };
        let result = operation();
        // SAFETY: As above.
        let left = unsafe { pci_liveupdate_test_fail_left() };
        // SAFETY: As above.
        unsafe { pci_liveupdate_test_fail_nth(0, false) };

        self.failed = Some(left == 0);
        result
    }

    /// Whether it has as many allocations, so that one failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed == Some(true)
    }
}
