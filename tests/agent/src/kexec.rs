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

/// The code that a [`jump`] with preserved context executes, and that returns at once. The kernel
/// expects the address of the next entry on the stack.
const THERE_AND_BACK: [u8; 13] = [
    0x48, 0x8d, 0x05, 0xf9, 0xff, 0xff, 0xff, // lea rax, [rip - 7], this instruction
    0x48, 0x89, 0x44, 0x24, 0x08, // mov [rsp + 8], rax
    0xc3, // ret
];

/// Loads code that returns to this kernel, for the next [`jump`].
pub(crate) fn load_there_and_back() -> Result<()> {
    Ok(sys::kexec_load_preserving_context(&THERE_AND_BACK)?)
}

/// Executes kexec. Returns on failure, or when the loaded code returned.
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
