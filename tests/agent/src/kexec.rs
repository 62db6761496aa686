// SPDX-License-Identifier: GPL-2.0

//! Leaving this kernel, by kexec or by ending the machine.

use std::ffi::CStr;
use std::fs::File;
use std::path::Path; //

use crate::errno::Result;
use crate::sys; //

/// Loads the kernel for the next [`jump`].
pub(crate) fn load(kernel: &Path, initrd: &Path, cmdline: &CStr) -> Result<()> {
    let kernel = File::open(kernel)?.into();
    let initrd = File::open(initrd)?.into();

    Ok(sys::kexec_file_load(&kernel, &initrd, cmdline)?)
}

/// Executes kexec. Returns only on failure.
pub(crate) fn jump() -> Result<()> {
    Ok(sys::reboot(libc::RB_KEXEC)?)
}

/// Restarts the machine. Returns only on failure.
pub(crate) fn restart() -> Result<()> {
    Ok(sys::reboot(libc::RB_AUTOBOOT)?)
}

/// Ends the machine through QEMU's `isa-debug-exit` with status `2 * code + 1`.
pub(crate) fn exit(code: u32) -> Result<()> {
    Ok(sys::debug_exit(code)?)
}
