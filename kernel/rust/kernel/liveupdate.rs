// SPDX-License-Identifier: GPL-2.0

//! Live Update Orchestrator (LUO).
//!
//! A live update replaces the kernel through `kexec` while resources of user space stay alive. User
//! space drives it: it hands open files to LUO one by one, and gets them back from the next kernel.
//! The code behind a file does the work, in callbacks that LUO calls at fixed points:
//!
//! - [`file`](mod@file): what happens to one file. A driver that has files to preserve implements
//!   [`file::Handler`].
//! - [`flb`]: state that files share. It is preserved with the first file that depends on it and
//!   goes away with the last one (File-Lifecycle-Bound). A subsystem implements [`flb::Flb`].
//!
//! ```text
//!  old kernel                                        new kernel
//!  ----------                                        ----------
//!  first file:  Flb::preserve()                      first request:  Flb::retrieve()
//!  each file:   Handler::preserve()                  each file:      Handler::retrieve()
//!  called off:  Handler::unpreserve()                                Handler::can_finish()
//!  last file:   Flb::unpreserve()                                    Handler::finish()
//!  reboot():    Handler::freeze()   ---- kexec --->  last file:      Flb::finish()
//! ```
//!
//! State travels in memory that is preserved through [`kho`](crate::kho).
//!
//! C header: [`include/linux/liveupdate.h`](srctree/include/linux/liveupdate.h)

use crate::{
    bindings,
    prelude::*, //
};

pub mod file;
pub mod flb;

/// Returns whether live updates are switched on (`liveupdate=on`).
// LUO does not export the C function to modules; this one is.
#[inline(never)]
pub fn is_enabled() -> bool {
    // SAFETY: There are no requirements to call this function.
    unsafe { bindings::liveupdate_enabled() }
}

/// Copies a compatible string into the array of a C structure.
///
/// To be evaluated at build time, where a string that does not fit is an error.
const fn compatible<const N: usize>(string: &CStr) -> [c_char; N] {
    let bytes = string.to_bytes_with_nul();
    let mut array = [0; N];
    let mut i = 0;

    assert!(bytes.len() <= N, "the compatible string is too long");
    while i < bytes.len() {
        array[i] = bytes[i];
        i += 1;
    }

    array
}
