// SPDX-License-Identifier: GPL-2.0

//! `/dev/liveupdate`: sessions, and the files in them.
//!
//! C header: `include/uapi/linux/liveupdate.h`

use std::mem::offset_of;
use std::mem::size_of;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd; //

use crate::errno::Errno;
use crate::errno::Result;
use crate::sys; //

const NAME_LENGTH: usize = 64;

/// `_IO(LIVEUPDATE_IOCTL_TYPE, nr)`: neither direction nor size are part of the number.
const fn io(nr: u8) -> libc::Ioctl {
    // CAST: two bytes always fit.
    0xba << 8 | nr as libc::Ioctl
}

const CREATE_SESSION: libc::Ioctl = io(0x00);
const RETRIEVE_SESSION: libc::Ioctl = io(0x01);
const SESSION_PRESERVE_FD: libc::Ioctl = io(0x40);
const SESSION_RETRIEVE_FD: libc::Ioctl = io(0x41);
const SESSION_FINISH: libc::Ioctl = io(0x42);
const SESSION_GET_NAME: libc::Ioctl = io(0x43);

/// `struct liveupdate_ioctl_create_session`, and the two with the same layout: `_retrieve_session`
/// and, with an unused descriptor, `liveupdate_session_get_name`.
#[repr(C)]
struct Named {
    size: u32,
    fd: i32,
    name: [u8; NAME_LENGTH],
}

/// `struct liveupdate_session_preserve_fd`, and `_retrieve_fd`, which has the same layout.
#[repr(C)]
struct Token {
    size: u32,
    fd: i32,
    token: u64,
}

/// `struct liveupdate_session_finish`
#[repr(C)]
struct Finish {
    size: u32,
    reserved: u32,
}

const _: () = {
    assert!(size_of::<Named>() == 72 && offset_of!(Named, fd) == 4 && offset_of!(Named, name) == 8);
    assert!(
        size_of::<Token>() == 16 && offset_of!(Token, fd) == 4 && offset_of!(Token, token) == 8
    );
    assert!(size_of::<Finish>() == 8 && offset_of!(Finish, reserved) == 4);
};

// SAFETY: Each begins with its own size, as every argument of this interface does, and the kernel
// writes no more than that many bytes.
unsafe impl sys::IoctlArgument for Named {}
// SAFETY: As above.
unsafe impl sys::IoctlArgument for Token {}
// SAFETY: As above.
unsafe impl sys::IoctlArgument for Finish {}

const fn size_field<T>() -> u32 {
    assert!(size_of::<T>() <= 128);
    #[expect(clippy::cast_possible_truncation)]
    // CAST: by the assertion it fits.
    let size = size_of::<T>() as u32;
    size
}

impl Named {
    fn new(name: &[u8]) -> Result<Self> {
        let mut bytes = [0; NAME_LENGTH];
        // The kernel has to refuse a name that fills the array without a terminator.
        bytes
            .get_mut(..name.len())
            .ok_or_else(|| Errno::invalid("session name too long"))?
            .copy_from_slice(name);
        Ok(Self {
            size: size_field::<Self>(),
            fd: -1,
            name: bytes,
        })
    }
}

/// Creates a session for the next kernel. `device` is `/dev/liveupdate`.
pub(crate) fn create(device: &OwnedFd, name: &[u8]) -> Result<OwnedFd> {
    let mut argument = Named::new(name)?;
    sys::ioctl(device, CREATE_SESSION, &mut argument)?;
    // SAFETY: On success the kernel has just installed this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(argument.fd) })
}

/// Retrieves a session of the previous kernel.
pub(crate) fn retrieve(device: &OwnedFd, name: &[u8]) -> Result<OwnedFd> {
    let mut argument = Named::new(name)?;
    sys::ioctl(device, RETRIEVE_SESSION, &mut argument)?;
    // SAFETY: As in `create`.
    Ok(unsafe { OwnedFd::from_raw_fd(argument.fd) })
}

/// Preserves a file under `token`.
pub(crate) fn preserve_fd(session: &OwnedFd, fd: RawFd, token: u64) -> Result<()> {
    let mut argument = Token {
        size: size_field::<Token>(),
        fd,
        token,
    };
    Ok(sys::ioctl(session, SESSION_PRESERVE_FD, &mut argument)?)
}

/// Retrieves a file of the previous kernel.
pub(crate) fn retrieve_fd(session: &OwnedFd, token: u64) -> Result<OwnedFd> {
    let mut argument = Token {
        size: size_field::<Token>(),
        fd: -1,
        token,
    };
    sys::ioctl(session, SESSION_RETRIEVE_FD, &mut argument)?;
    // SAFETY: As in `create`.
    Ok(unsafe { OwnedFd::from_raw_fd(argument.fd) })
}

pub(crate) fn finish(session: &OwnedFd) -> Result<()> {
    let mut argument = Finish {
        size: size_field::<Finish>(),
        reserved: 0,
    };
    Ok(sys::ioctl(session, SESSION_FINISH, &mut argument)?)
}

pub(crate) fn name(session: &OwnedFd) -> Result<Vec<u8>> {
    let mut argument = Named::new(b"")?;
    // The second word is reserved.
    argument.fd = 0;
    sys::ioctl(session, SESSION_GET_NAME, &mut argument)?;
    Ok(argument
        .name
        .split(|&byte| byte == 0)
        .next()
        .unwrap_or_default()
        .to_vec())
}
