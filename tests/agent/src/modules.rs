// SPDX-License-Identifier: GPL-2.0

//! Modules of the kernel.

use std::ffi::CStr;
use std::fs::File;
use std::path::Path; //

use crate::errno::Result;
use crate::sys; //

/// Loads the module in a file, once those are loaded that it needs.
pub(crate) fn load(path: &Path, arguments: &CStr) -> Result<()> {
    Ok(sys::finit_module(&File::open(path)?.into(), arguments)?)
}

/// Unloads a module, unless it is in use.
pub(crate) fn unload(name: &CStr) -> Result<()> {
    Ok(sys::delete_module(name)?)
}
