// SPDX-License-Identifier: GPL-2.0

//! The first task of an init: mounting the file systems of the kernel.

use std::ffi::CString;
use std::fs;
use std::io;

use crate::sys; //

/// (type, mount point)
const MOUNTS: [(&str, &str); 6] = [
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("tmpfs", "/tmp"),
    ("debugfs", "/sys/kernel/debug"),
    ("tracefs", "/sys/kernel/tracing"),
];

/// Mounts all of them. It is fine if the kernel has mounted `/dev` already.
pub(crate) fn mount_all() -> io::Result<()> {
    for (kind, target) in MOUNTS {
        fs::create_dir_all(target)?;
        match sys::mount(&CString::new(kind)?, &CString::new(target)?) {
            Err(err) if err.raw_os_error() != Some(libc::EBUSY) => {
                return Err(io::Error::new(
                    err.kind(),
                    format!("mount {kind} on {target}: {err}"),
                ))
            }
            _ => (),
        }
    }
    Ok(())
}
