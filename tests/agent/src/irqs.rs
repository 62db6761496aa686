// SPDX-License-Identifier: GPL-2.0

//! Interrupts of a device that user space controls, which signal eventfds.
//!
//! C header: `include/uapi/linux/vfio.h`

use std::fs::File;
use std::io::Read;
use std::mem::size_of;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd; //

use crate::errno::Errno;
use crate::errno::Result;
use crate::sys;
use crate::vfio; //

const DEVICE_SET_IRQS: libc::Ioctl = vfio::io(10);

const DATA_NONE: u32 = 1 << 0;
const DATA_EVENTFD: u32 = 1 << 2;
const ACTION_UNMASK: u32 = 1 << 4;
const ACTION_TRIGGER: u32 = 1 << 5;

/// How many vectors are set up at once, at most.
const VECTORS: usize = 8;

/// `struct vfio_irq_set`, with the eventfds of the vectors from `start`.
#[repr(C)]
struct IrqSet {
    argsz: u32,
    flags: u32,
    index: u32,
    start: u32,
    count: u32,
    eventfds: [RawFd; VECTORS],
}

const _: () = assert!(size_of::<IrqSet>() == 52);

// SAFETY: It begins with its own size, and the kernel only reads it.
unsafe impl sys::IoctlArgument for IrqSet {}

impl IrqSet {
    fn new(flags: u32, index: u32, start: u32) -> Self {
        Self {
            argsz: 52,
            flags,
            index,
            start,
            count: 0,
            eventfds: [-1; VECTORS],
        }
    }
}

/// Sets the eventfds of the vectors from `start`.
pub(crate) fn set(device: &OwnedFd, index: u32, start: u32, eventfds: &[RawFd]) -> Result<()> {
    let mut argument = IrqSet::new(DATA_EVENTFD | ACTION_TRIGGER, index, start);

    for (place, &eventfd) in argument.eventfds.iter_mut().zip(eventfds) {
        *place = eventfd;
        argument.count += 1;
    }
    if argument.eventfds.len() < eventfds.len() {
        return Err(Errno::invalid("too many vectors at once"));
    }
    Ok(sys::ioctl(device, DEVICE_SET_IRQS, &mut argument)?)
}

/// Unmasks INTx, which vfio-pci masks when it is raised.
pub(crate) fn unmask(device: &OwnedFd) -> Result<()> {
    let mut argument = IrqSet::new(DATA_NONE | ACTION_UNMASK, 0, 0);

    argument.count = 1;
    Ok(sys::ioctl(device, DEVICE_SET_IRQS, &mut argument)?)
}

/// Creates an eventfd.
pub(crate) fn eventfd() -> Result<OwnedFd> {
    Ok(sys::eventfd()?)
}

/// Returns how often an eventfd was signalled since the last time. Fails with `EAGAIN` if it was
/// not.
pub(crate) fn events(eventfd: &OwnedFd) -> Result<u64> {
    let mut count = [0; 8];

    File::from(eventfd.try_clone()?).read_exact(&mut count)?;
    Ok(u64::from_ne_bytes(count))
}
