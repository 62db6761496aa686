// SPDX-License-Identifier: GPL-2.0

//! A device that user space controls: its cdev under `/dev/vfio/devices`.
//!
//! C header: `include/uapi/linux/vfio.h`

use std::mem::offset_of;
use std::mem::size_of;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd; //

use crate::errno::Errno;
use crate::errno::Result;
use crate::files;
use crate::sys;
use crate::sys::Mapping; //

/// `_IO(VFIO_TYPE, VFIO_BASE + nr)`
pub(crate) const fn io(nr: u8) -> libc::Ioctl {
    // CAST: two bytes always fit.
    0x3b << 8 | (100 + nr) as libc::Ioctl
}

const GROUP_GET_DEVICE_FD: libc::Ioctl = io(6);
const DEVICE_GET_INFO: libc::Ioctl = io(7);
const DEVICE_GET_REGION_INFO: libc::Ioctl = io(8);
const DEVICE_RESET: libc::Ioctl = io(11);
const DEVICE_PCI_HOT_RESET: libc::Ioctl = io(13);
const DEVICE_FEATURE: libc::Ioctl = io(17);
const DEVICE_BIND_IOMMUFD: libc::Ioctl = io(18);
const DEVICE_ATTACH_IOMMUFD_PT: libc::Ioctl = io(19);

/// `VFIO_PCI_CONFIG_REGION_INDEX`. BARs have their own number.
const CONFIG: u32 = 7;

/// `struct vfio_device_info`, up to the optional capabilities.
#[repr(C)]
struct DeviceInfo {
    argsz: u32,
    flags: u32,
    num_regions: u32,
    num_irqs: u32,
}

/// `struct vfio_region_info`
#[repr(C)]
struct RegionInfo {
    argsz: u32,
    flags: u32,
    index: u32,
    cap_offset: u32,
    size: u64,
    offset: u64,
}

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

/// `struct vfio_pci_hot_reset`, without groups.
#[repr(C)]
struct HotReset {
    argsz: u32,
    flags: u32,
    count: u32,
}

/// `struct vfio_device_feature`, without data.
#[repr(C)]
struct Feature {
    argsz: u32,
    flags: u32,
}

/// `VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY`
const LOW_POWER_ENTRY: u32 = 1 << 17 | 3;

/// `struct vfio_device_feature` with a `struct vfio_device_feature_dma_buf` of one range.
#[repr(C)]
struct DmaBuf {
    feature: Feature,
    region_index: u32,
    open_flags: u32,
    dma_buf_flags: u32,
    nr_ranges: u32,
    offset: u64,
    length: u64,
}

/// `VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF`
const GET_DMA_BUF: u32 = 1 << 16 | 11;

/// The name of a PCI device, with an end.
#[repr(C)]
struct Name([u8; 16]);

/// The argument of a request without an argument.
struct Nothing;

const _: () = assert!(size_of::<BindIommufd>() == 16 && offset_of!(BindIommufd, out_devid) == 12);
const _: () = assert!(size_of::<AttachIommufdPt>() == 12);
const _: () = assert!(size_of::<DmaBuf>() == 40 && offset_of!(DmaBuf, offset) == 24);
const _: () = assert!(size_of::<RegionInfo>() == 32 && offset_of!(RegionInfo, size) == 16);

// SAFETY: It begins with its own size, and the kernel writes no more than that many bytes.
unsafe impl sys::IoctlArgument for BindIommufd {}
// SAFETY: As above.
unsafe impl sys::IoctlArgument for AttachIommufdPt {}
// SAFETY: As above.
unsafe impl sys::IoctlArgument for RegionInfo {}
// SAFETY: As above.
unsafe impl sys::IoctlArgument for DeviceInfo {}
// SAFETY: As above.
unsafe impl sys::IoctlArgument for DmaBuf {}
// SAFETY: As above.
unsafe impl sys::IoctlArgument for HotReset {}
// SAFETY: As above.
unsafe impl sys::IoctlArgument for Feature {}
// SAFETY: The kernel reads it up to its end.
unsafe impl sys::IoctlArgument for Name {}
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

/// Resets the bus or slot of the device.
pub(crate) fn hot_reset(device: &OwnedFd) -> Result<()> {
    let mut argument = HotReset {
        argsz: 12,
        flags: 0,
        count: 0,
    };

    Ok(sys::ioctl(device, DEVICE_PCI_HOT_RESET, &mut argument)?)
}

/// Allows the device to be suspended.
pub(crate) fn low_power(device: &OwnedFd) -> Result<()> {
    let mut argument = Feature {
        argsz: 8,
        flags: LOW_POWER_ENTRY,
    };

    Ok(sys::ioctl(device, DEVICE_FEATURE, &mut argument)?)
}

/// Asks how many regions and interrupts there are.
pub(crate) fn info(device: &OwnedFd) -> Result<()> {
    let mut argument = DeviceInfo {
        argsz: 16,
        flags: 0,
        num_regions: 0,
        num_irqs: 0,
    };

    Ok(sys::ioctl(device, DEVICE_GET_INFO, &mut argument)?)
}

/// Exports the beginning of a BAR as a dma-buf.
pub(crate) fn export(device: &OwnedFd, index: u32, length: u64) -> Result<OwnedFd> {
    let mut argument = DmaBuf {
        feature: Feature {
            argsz: 40,
            flags: GET_DMA_BUF,
        },
        region_index: index,
        // CAST: a flag that is positive.
        open_flags: libc::O_CLOEXEC as u32,
        dma_buf_flags: 0,
        nr_ranges: 1,
        offset: 0,
        length,
    };

    Ok(sys::ioctl_fd(device, DEVICE_FEATURE, &mut argument)?)
}

/// Tries to open a device through its group, which has no container.
pub(crate) fn group_device(group: &OwnedFd, device: &[u8]) -> Result<()> {
    let mut name = Name([0; 16]);

    name.0
        .get_mut(..device.len())
        .filter(|start| start.len() < 16)
        .ok_or_else(|| Errno::invalid("not the name of a device"))?
        .copy_from_slice(device);
    Ok(sys::ioctl(group, GROUP_GET_DEVICE_FD, &mut name)?)
}

fn region(device: &OwnedFd, index: u32) -> Result<RegionInfo> {
    let mut argument = RegionInfo {
        argsz: 32,
        flags: 0,
        index,
        cap_offset: 0,
        size: 0,
        offset: 0,
    };

    sys::ioctl(device, DEVICE_GET_REGION_INFO, &mut argument)?;
    Ok(argument)
}

/// Maps a BAR.
pub(crate) fn bar(device: &OwnedFd, index: u32) -> Result<Mapping> {
    let region = region(device, index)?;
    let size = usize::try_from(region.size).map_err(|err| Errno::invalid(err.to_string()))?;

    Ok(Mapping::writable(device, region.offset, size)?)
}

/// Maps a BAR, and accesses it until this fails. The mapping stays: to unmap it, the kernel may have
/// to wait for a CPU that stands still.
pub(crate) fn until_refused(device: &OwnedFd, index: u32) -> Result<()> {
    let copy = sys::memfd_create(c"copy")?;
    let mapping = std::mem::ManuallyDrop::new(bar(device, index)?);

    loop {
        mapping.copy(&copy)?;
    }
}

/// Reads up to `len` bytes of config space.
pub(crate) fn config_read(device: &OwnedFd, at: u64, len: usize) -> Result<Vec<u8>> {
    let config = region(device, CONFIG)?;

    files::pread(device, config.offset.saturating_add(at), len)
}

/// Writes to config space.
pub(crate) fn config_write(device: &OwnedFd, at: u64, data: &[u8]) -> Result<()> {
    let config = region(device, CONFIG)?;

    files::pwrite(device, config.offset.saturating_add(at), data)
}

const COMMAND: u64 = 0x04;
const COMMAND_MEMORY: u16 = 0x0002;
const COMMAND_MASTER: u16 = 0x0004;

/// Lets the device access memory, and be accessed.
pub(crate) fn start(device: &OwnedFd) -> Result<()> {
    let bytes = config_read(device, COMMAND, 2)?;
    let command = bytes
        .iter()
        .rev()
        .fold(0, |value, &byte| value << 8 | u16::from(byte));
    let command = command | COMMAND_MEMORY | COMMAND_MASTER;

    config_write(device, COMMAND, &command.to_le_bytes())
}
