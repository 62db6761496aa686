// SPDX-License-Identifier: GPL-2.0

//! Address spaces for devices: an open `/dev/iommu`.
//!
//! C header: `include/uapi/linux/iommufd.h`

use std::mem::offset_of;
use std::mem::size_of;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd; //

use crate::errno::Errno;
use crate::errno::Result;
use crate::sys;
use crate::sys::Mapping; //

/// `_IO(IOMMUFD_TYPE, nr)`
const fn io(nr: u8) -> libc::Ioctl {
    // CAST: two bytes always fit.
    0x3b << 8 | nr as libc::Ioctl
}

const IOAS_ALLOC: libc::Ioctl = io(0x81);
const IOAS_MAP: libc::Ioctl = io(0x85);
const IOAS_UNMAP: libc::Ioctl = io(0x86);
const IOAS_MAP_FILE: libc::Ioctl = io(0x8f);
const IOAS_NOIOMMU_GET_PA: libc::Ioctl = io(0x95);

/// `IOMMU_IOAS_MAP_FIXED_IOVA`, `IOMMU_IOAS_MAP_WRITEABLE`, `IOMMU_IOAS_MAP_READABLE`
const FIXED_READ_WRITE: u32 = 1 << 0 | 1 << 1 | 1 << 2;

/// `struct iommu_ioas_alloc`
#[repr(C)]
struct IoasAlloc {
    size: u32,
    flags: u32,
    out_ioas_id: u32,
}

/// `struct iommu_ioas_map`
#[repr(C)]
struct IoasMap {
    size: u32,
    flags: u32,
    ioas_id: u32,
    reserved: u32,
    user_va: u64,
    length: u64,
    iova: u64,
}

/// `struct iommu_ioas_map_file`
#[repr(C)]
struct IoasMapFile {
    size: u32,
    flags: u32,
    ioas_id: u32,
    fd: RawFd,
    start: u64,
    length: u64,
    iova: u64,
}

/// `struct iommu_ioas_unmap`
#[repr(C)]
struct IoasUnmap {
    size: u32,
    ioas_id: u32,
    iova: u64,
    length: u64,
}

/// `struct iommu_ioas_noiommu_get_pa`
#[repr(C)]
struct GetPa {
    size: u32,
    flags: u32,
    ioas_id: u32,
    reserved: u32,
    iova: u64,
    length: u64,
    out_phys: u64,
}

const _: () = assert!(size_of::<IoasAlloc>() == 12);
const _: () = assert!(size_of::<IoasMap>() == 40 && offset_of!(IoasMap, user_va) == 16);
const _: () = assert!(size_of::<IoasMapFile>() == 40 && offset_of!(IoasMapFile, start) == 16);
const _: () = assert!(size_of::<IoasUnmap>() == 24);
const _: () = assert!(size_of::<GetPa>() == 40 && offset_of!(GetPa, out_phys) == 32);

// SAFETY: It begins with its own size, and the kernel writes no more than that many bytes.
unsafe impl sys::IoctlArgument for IoasAlloc {}
// SAFETY: As above. The memory at `user_va` is not touched by the kernel.
unsafe impl sys::IoctlArgument for IoasMap {}
// SAFETY: As above.
unsafe impl sys::IoctlArgument for IoasMapFile {}
// SAFETY: As above.
unsafe impl sys::IoctlArgument for IoasUnmap {}
// SAFETY: As above.
unsafe impl sys::IoctlArgument for GetPa {}

/// Creates an address space.
pub(crate) fn ioas_alloc(iommufd: &OwnedFd) -> Result<u32> {
    let mut argument = IoasAlloc {
        size: 12,
        flags: 0,
        out_ioas_id: 0,
    };

    sys::ioctl(iommufd, IOAS_ALLOC, &mut argument)?;
    Ok(argument.out_ioas_id)
}

/// What is mapped where: `len` bytes of a file, from `start`, at `iova`.
pub(crate) struct Range {
    pub(crate) start: u64,
    pub(crate) len: u64,
    pub(crate) iova: u64,
}

/// Maps a file through a mapping of this process.
pub(crate) fn map(iommufd: &OwnedFd, ioas_id: u32, file: &OwnedFd, range: &Range) -> Result<()> {
    let len = usize::try_from(range.len).map_err(|err| Errno::invalid(err.to_string()))?;
    // The pages stay pinned after it is unmapped.
    let view = Mapping::writable(file, range.start, len)?;
    let mut argument = IoasMap {
        size: 40,
        flags: FIXED_READ_WRITE,
        ioas_id,
        reserved: 0,
        user_va: view.address(),
        length: range.len,
        iova: range.iova,
    };

    Ok(sys::ioctl(iommufd, IOAS_MAP, &mut argument)?)
}

/// Maps a file.
pub(crate) fn map_file(
    iommufd: &OwnedFd,
    ioas_id: u32,
    file: &OwnedFd,
    range: &Range,
) -> Result<()> {
    let mut argument = IoasMapFile {
        size: 40,
        flags: FIXED_READ_WRITE,
        ioas_id,
        fd: file.as_raw_fd(),
        start: range.start,
        length: range.len,
        iova: range.iova,
    };

    Ok(sys::ioctl(iommufd, IOAS_MAP_FILE, &mut argument)?)
}

/// Unmaps what was mapped at `iova`.
pub(crate) fn unmap(iommufd: &OwnedFd, ioas_id: u32, iova: u64, length: u64) -> Result<()> {
    let mut argument = IoasUnmap {
        size: 24,
        ioas_id,
        iova,
        length,
    };

    Ok(sys::ioctl(iommufd, IOAS_UNMAP, &mut argument)?)
}

/// Returns the physical address of `iova`, for devices without an IOMMU.
pub(crate) fn physical(iommufd: &OwnedFd, ioas_id: u32, iova: u64) -> Result<u64> {
    let mut argument = GetPa {
        size: 40,
        flags: 0,
        ioas_id,
        reserved: 0,
        iova,
        length: 1,
        out_phys: 0,
    };

    sys::ioctl(iommufd, IOAS_NOIOMMU_GET_PA, &mut argument)?;
    Ok(argument.out_phys)
}
