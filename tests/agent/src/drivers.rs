// SPDX-License-Identifier: GPL-2.0

//! Drivers for devices that user space controls.
//!
//! They keep no state in this program, so that the next kernel's agent can continue: each request
//! is given the device and a memfd. The memfd has the rings and buffers of the device, and what the
//! driver has to know about them ([`memory`]). They do not wait for interrupts.
//!
//! ```text
//!  old kernel  vfio.bind, vfio.attach, dma.prepare, DRIVER.start ... requests ...
//!  new kernel  vfio.bind, vfio.attach, dma.compare, DRIVER.check ... requests ...
//! ```
//!
//! There is no IOMMU, so devices are told physical addresses. The next kernel has to have the memory
//! at the same ones, which `dma.compare` checks.

mod e1000e;
mod memory;
mod nvme;

use std::os::fd::OwnedFd; //

use crate::errno::Errno;
use crate::errno::Result;
use crate::fds::Fds;
use crate::sys::Mapping;
use crate::verbs::number;
use crate::verbs::Args;
use crate::wire::Word; //

/// A mapping, in which an access outside is an error of the request.
struct Window(Mapping);

impl Window {
    fn outside(at: usize) -> Errno {
        Errno::invalid(format!("no four bytes at {at:#x}"))
    }

    fn read(&self, at: usize) -> Result<u32> {
        self.0.load(at).ok_or_else(|| Self::outside(at))
    }

    fn write(&mut self, at: usize, value: u32) -> Result<()> {
        self.0.store(at, value).ok_or_else(|| Self::outside(at))
    }

    fn read_u64(&self, at: usize) -> Result<u64> {
        let low = u64::from(self.read(at)?);

        Ok(u64::from(self.read(at.saturating_add(4))?) << 32 | low)
    }

    fn write_u64(&mut self, at: usize, value: u64) -> Result<()> {
        let [low, high] = halves(value);

        self.write(at, low)?;
        self.write(at.saturating_add(4), high)
    }

    fn bytes(&self, at: usize, len: usize) -> Vec<u8> {
        let end = at.saturating_add(len);

        (at..end).map_while(|at| self.0.get(at)).collect()
    }
}

/// Splits a register of eight bytes, the low half first.
fn halves(value: u64) -> [u32; 2] {
    #[expect(clippy::cast_possible_truncation)]
    // CAST: the two halves.
    let halves = [value as u32, (value >> 32) as u32];
    halves
}

/// Converts a number that the memory or the device told.
fn index(value: u32) -> Result<usize> {
    usize::try_from(value).map_err(|err| Errno::invalid(err.to_string()))
}

/// A condition without which the driver cannot go on, as the device or its memory is in another
/// state.
fn require(what: &str, condition: bool) -> Result<()> {
    if condition {
        return Ok(());
    }
    Err(Errno::invalid(format!("not so: {what}")))
}

/// Memory for a device. The first argument is `/dev/iommu`.
pub(crate) fn dma(fds: &Fds, verb: &str, args: &mut Args<'_>) -> Result<Vec<Word>> {
    let iommufd = fds.get(args.number()?)?;
    let ioas = args.number()?;
    let memfd = fds.get(args.number()?)?;
    match verb {
        "prepare" => memory::prepare(&iommufd, ioas, &memfd, args.number()?).map(|()| vec![]),
        "compare" => Ok(number(memory::compare(&iommufd, ioas, &memfd)?)),
        _ => Err(Errno::invalid(format!("no verb dma.{verb}"))),
    }
}

/// A network card. The first arguments are the device, and its memory.
pub(crate) fn e1000e(fds: &Fds, verb: &str, args: &mut Args<'_>) -> Result<Vec<Word>> {
    let device = fds.get(args.number()?)?;
    let memfd: &OwnedFd = &*fds.get(args.number()?)?;
    if verb == "start" {
        return e1000e::start(&device, memfd).map(|()| vec![]);
    }
    let mut card = e1000e::Card::open(&device, memfd)?;
    match verb {
        "check" => card.check().map(|()| vec![]),
        "take" => card.take(args.bytes()?),
        "statistics" => card.statistics(),
        "stop" => card.stop().map(|()| vec![]),
        _ => Err(Errno::invalid(format!("no verb e1000e.{verb}"))),
    }
}

/// Blocks `FIRST COUNT STEP`.
fn blocks(args: &mut Args<'_>) -> Result<impl Iterator<Item = u32>> {
    let first: u32 = args.number()?;
    let count: usize = args.number()?;
    let step: usize = args.number()?;

    require("blocks have a distance", step > 0)?;
    Ok((first..).step_by(step).take(count))
}

/// A drive. The first arguments are the device, and its memory.
pub(crate) fn nvme(fds: &Fds, verb: &str, args: &mut Args<'_>) -> Result<Vec<Word>> {
    let device = fds.get(args.number()?)?;
    let memfd: &OwnedFd = &*fds.get(args.number()?)?;
    if verb == "start" {
        return nvme::start(&device, memfd).map(|()| vec![]);
    }
    let mut drive = nvme::Controller::open(&device, memfd)?;
    match verb {
        "check" => drive.check().map(|()| vec![]),
        "read" | "write" => {
            let blocks = blocks(args)?;
            let submitted = drive.submit(verb == "read", blocks, args.number()?);
            submitted.map(|()| vec![])
        }
        "reap" => drive.reap(),
        "stop" => drive.stop().map(|()| vec![]),
        _ => Err(Errno::invalid(format!("no verb nvme.{verb}"))),
    }
}
