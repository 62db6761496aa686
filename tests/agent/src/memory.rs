// SPDX-License-Identifier: GPL-2.0

//! Memory by descriptor: memfds, and mappings of other files.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::OwnedFd; //

use crate::errno::Errno;
use crate::errno::Result;
use crate::sys;
use crate::sys::Mapping;
use crate::wire; //

pub(crate) fn memfd(name: &CStr) -> Result<OwnedFd> {
    Ok(sys::memfd_create(name)?)
}

pub(crate) fn size(fd: &OwnedFd) -> Result<u64> {
    Ok(File::from(fd.try_clone()?).metadata()?.len())
}

pub(crate) fn truncate(fd: &OwnedFd, len: u64) -> Result<()> {
    Ok(File::from(fd.try_clone()?).set_len(len)?)
}

pub(crate) fn allocate(fd: &OwnedFd, len: u64) -> Result<()> {
    Ok(sys::fallocate(fd, len)?)
}

const PAGE: u64 = 4096;
const REGISTER: usize = 4;

/// Maps the pages around `[offset, offset + len)` and passes exactly that part on.
fn view<T>(
    fd: &OwnedFd,
    offset: u64,
    len: usize,
    f: impl FnOnce(&Mapping, usize) -> T,
) -> Result<T> {
    let skip = offset % PAGE;
    let skip_bytes = usize::try_from(skip).map_err(|err| Errno::invalid(err.to_string()))?;
    let total = len
        .checked_add(skip_bytes)
        .ok_or_else(|| Errno::invalid("length overflows"))?;

    Ok(f(&Mapping::new(fd, offset - skip, total)?, skip_bytes))
}

/// Copies a mapped range. If a device or another program writes it meanwhile, the copy is a mix of
/// old and new bytes.
pub(crate) fn peek(fd: &OwnedFd, offset: u64, len: usize) -> Result<Vec<u8>> {
    view(fd, offset, len, |map, skip| {
        (skip..skip + len).filter_map(|at| map.get(at)).collect()
    })
}

fn no_register() -> Errno {
    Errno::invalid("registers are four bytes, at multiples of four")
}

/// Reads a register of a device, given its BAR, which sysfs allows to map only.
pub(crate) fn load(fd: &OwnedFd, offset: u64) -> Result<u32> {
    view(fd, offset, REGISTER, |map, at| map.load(at))?.ok_or_else(no_register)
}

/// Writes a register of a device.
pub(crate) fn store(fd: &OwnedFd, offset: u64, value: u32) -> Result<()> {
    let skip = offset % PAGE;
    let at = usize::try_from(skip).map_err(|err| Errno::invalid(err.to_string()))?;
    let mut map = Mapping::writable(fd, offset - skip, at.saturating_add(REGISTER))?;

    map.store(at, value).ok_or_else(no_register)
}

/// The CRC-32 of a mapped range, for ranges too long to send.
pub(crate) fn hash(fd: &OwnedFd, offset: u64, len: usize) -> Result<u32> {
    view(fd, offset, len, |map, skip| {
        (skip..skip + len)
            .filter_map(|at| map.get(at))
            .fold(0, |crc, byte| wire::crc32(crc, &[byte]))
    })
}
