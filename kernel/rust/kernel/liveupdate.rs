// SPDX-License-Identifier: GPL-2.0

//! Live Update Orchestrator (LUO).
//!
//! A live update replaces the kernel through `kexec` while resources of user space stay alive. It
//! is driven by user space, which preserves open files one by one, and retrieves them in the next
//! kernel. The work is done by callbacks:
//!
//! - [`file`](mod@file): the callbacks for one file. A driver whose files can be preserved
//!   implements [`file::Handler`].
//! - [`flb`]: the callbacks for state that files share, which is preserved with the first file that
//!   depends on it and finished with the last one (File-Lifecycle-Bound). A subsystem implements
//!   [`flb::Flb`].
//!
//! ```text
//!  old kernel                                        new kernel
//!  ----------                                        ----------
//!  first file:  Flb::preserve()                      first get:   Flb::retrieve()
//!  each file:   Handler::preserve()                  each file:   Handler::retrieve()
//!  cancelled:   Handler::unpreserve()                             Handler::can_finish()
//!  last file:   Flb::unpreserve()                                 Handler::finish()
//!  reboot():    Handler::freeze()   ---- kexec --->  last file:   Flb::finish()
//! ```
//!
//! State is passed on in memory that is preserved through [`kho`](crate::kho). LUO passes on the
//! address of that memory. Both traits state as a type ([`kho::Access`]) whether a device accesses
//! it, which is a part of the format that [`COMPATIBLE`](file::Handler::COMPATIBLE) names.
//!
//! [`kho::Access`]: crate::kho::Access
//!
//! C header: [`include/linux/liveupdate.h`](srctree/include/linux/liveupdate.h)

use crate::{
    bindings,
    prelude::*, //
};

pub mod file;
pub mod flb;
pub mod info;

/// Returns whether live update is enabled (`liveupdate=on`).
// LUO does not export the C function to modules, but this function is exported.
#[inline(never)]
pub fn is_enabled() -> bool {
    // SAFETY: There are no requirements to call this function.
    unsafe { bindings::liveupdate_enabled() }
}

/// Copies a compatible string into the array of a C structure.
///
/// A string that does not fit is a build error, if this is evaluated at build time.
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
