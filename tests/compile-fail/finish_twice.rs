// SPDX-License-Identifier: GPL-2.0

//! A device is finished at most once per file.

use kernel::{
    liveupdate::file::Finish,
    pci, //
};

#[cfg(wrong)]
pub fn twice(dev: &pci::Device, finish: Finish<'_>) {
    dev.liveupdate_finish(finish);
    dev.liveupdate_finish(finish) //~ E0382
}

pub fn once(dev: &pci::Device, finish: Finish<'_>) {
    dev.liveupdate_finish(finish)
}
