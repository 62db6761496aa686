// SPDX-License-Identifier: GPL-2.0

//! Errors of requests: always an errno, since that is what scenarios check.

use std::io;

/// Why a request failed.
#[derive(Debug)]
pub(crate) struct Errno {
    pub(crate) code: i32,
    pub(crate) text: String,
}

impl Errno {
    /// The request itself was invalid. The text distinguishes it from an error of the kernel.
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self {
            code: libc::EINVAL,
            text: format!("agent: {}", text.into()),
        }
    }
}

impl From<io::Error> for Errno {
    fn from(err: io::Error) -> Self {
        Self {
            // An error without errno was made by std; the host gets EIO for it.
            code: err.raw_os_error().unwrap_or(libc::EIO),
            text: err.to_string(),
        }
    }
}

impl From<std::ffi::NulError> for Errno {
    fn from(err: std::ffi::NulError) -> Self {
        Self::invalid(err.to_string())
    }
}

pub(crate) type Result<T> = std::result::Result<T, Errno>;
