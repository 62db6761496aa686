// SPDX-License-Identifier: GPL-2.0

//! A device that user space controls: its cdev under `/dev/vfio/devices`.
//!
//! C header: `include/uapi/linux/vfio.h`

use std::mem::offset_of;
use std::mem::size_of;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd; //

use crate::errno::Result;
use crate::sys; //

/// `_IO(VFIO_TYPE, VFIO_BASE + nr)`
const fn io(nr: u8) -> libc::Ioctl {
    // CAST: two bytes always fit.
    0x3b << 8 | (100 + nr) as libc::Ioctl
}

const DEVICE_RESET: libc::Ioctl = io(11);
const DEVICE_BIND_IOMMUFD: libc::Ioctl = io(18);
const DEVICE_ATTACH_IOMMUFD_PT: libc::Ioctl = io(19);

/// `struct vfio_device_bind_iommufd`, up to the optional token.
#[repr(C)]
struct BindIommufd {
    argsz: u32,
    flags: u32,
    iommufd: RawFd,
    out_devid: u32,
}

/// `struct vfio_device_attach_iommufd_pt`, up to the optional PASID.
#[repr(C)]
struct AttachIommufdPt {
    argsz: u32,
    flags: u32,
    pt_id: u32,
}

/// The argument of a request without an argument.
struct Nothing;

const _: () = assert!(size_of::<BindIommufd>() == 16 && offset_of!(BindIommufd, out_devid) == 12);
const _: () = assert!(size_of::<AttachIommufdPt>() == 12);

// SAFETY: It begins with its own size, and the kernel writes no more than that many bytes.
unsafe impl sys::IoctlArgument for BindIommufd {}
// SAFETY: As above.
unsafe impl sys::IoctlArgument for AttachIommufdPt {}
// SAFETY: The kernel ignores it.
unsafe impl sys::IoctlArgument for Nothing {}

/// Binds a device to `iommufd`, an open `/dev/iommu`, which enables it.
pub(crate) fn bind(device: &OwnedFd, iommufd: &OwnedFd) -> Result<()> {
    let mut argument = BindIommufd {
        argsz: 16,
        flags: 0,
        iommufd: iommufd.as_raw_fd(),
        out_devid: 0,
    };

    Ok(sys::ioctl(device, DEVICE_BIND_IOMMUFD, &mut argument)?)
}

/// Attaches a bound device to an address space of its iommufd.
pub(crate) fn attach(device: &OwnedFd, ioas_id: u32) -> Result<()> {
    let mut argument = AttachIommufdPt {
        argsz: 12,
        flags: 0,
        pt_id: ioas_id,
    };

    Ok(sys::ioctl(device, DEVICE_ATTACH_IOMMUFD_PT, &mut argument)?)
}

/// Resets the function.
pub(crate) fn reset(device: &OwnedFd) -> Result<()> {
    Ok(sys::ioctl(device, DEVICE_RESET, &mut Nothing)?)
}
