// SPDX-License-Identifier: GPL-2.0

//! The files in debugfs from which tools find out, before a live update, whether it will work.
//!
//! A line per device in `eligible`: its address, the kind of its driver, what becomes of its DMA,
//! and `yes` or what keeps it from being preserved. In `formats`, the formats of KHO and LUO, and
//! those of devices that this kernel writes and reads.

use crate::{
    core::{
        self,
        core,
        Core, //
    },
    device::{
        self,
        DeviceExt, //
    },
    fabric::dma::survives_kexec,
    logic::{
        Driver,
        Format,
        Function, //
    }, //
};
use kernel::{
    bindings,
    fmt,
    pci,
    prelude::*, //
};

pub(super) fn show_eligible((): &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(core) = core() else {
        return Ok(());
    };
    let mut next = device::next(None);

    while let Some(dev) = next {
        show_device(core, &dev, f)?;
        next = device::next(Some(dev));
    }
    Ok(())
}

fn show_device(core: &Core, dev: &pci::Device, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let key = dev.key();
    let driver = match dev.driver() {
        Driver::None => "none",
        Driver::Other => "other",
        Driver::LiveUpdate => "liveupdate",
    };
    let dma = if survives_kexec(dev) { "kept" } else { "stops" };

    match core.can_preserve(dev) {
        Ok(()) => f.write_fmt(fmt!("{key} {driver} {dma} yes\n")),
        Err(why) => f.write_fmt(fmt!("{key} {driver} {dma} {why}\n")),
    }
}

pub(super) fn show_formats((): &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let [array, blocks] = Format::ALL.map(|format| core::formats().has(format));

    // SAFETY: Always safe to call. It returns a string that is part of the kernel.
    let formats = unsafe { CStr::from_char_ptr(bindings::pci_liveupdate_formats(array, blocks)) };

    // As a `CStr`, it would be printed with its newlines escaped.
    f.write_str(formats.to_str().map_err(|_| fmt::Error)?)
}
