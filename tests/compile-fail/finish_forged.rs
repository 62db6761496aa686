// SPDX-License-Identifier: GPL-2.0

//! A device is not finished without a file.

use kernel::{
    liveupdate::file::Finish,
    pci, //
};

#[cfg(wrong)]
pub fn forged(dev: &pci::Device) {
    dev.liveupdate_finish(Finish(core::marker::PhantomData)) //~ E0423
}

pub fn passed_on(dev: &pci::Device, finish: Finish<'_>) {
    dev.liveupdate_finish(finish)
}
