// SPDX-License-Identifier: GPL-2.0

//! Errors as they travel: always an errno, because that is what scenarios assert.

use std::io;

/// Why a request was refused.
#[derive(Debug)]
pub(crate) struct Errno {
    pub(crate) code: i32,
    pub(crate) text: String,
}

impl Errno {
    /// The request itself was wrong. Told apart from what the kernel answers by its text.
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
            // An error without errno was made by std, which is an input or output error to the host.
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
