// SPDX-License-Identifier: GPL-2.0

//! Devices that nobody has finished when the update ends.
//!
//! Whoever has a driver is the driver's. An endpoint that has none is stopped, since the memory of
//! its file has been freed. This is told with locks of LUO held, for which somebody may wait who
//! holds the lock of the device: so that one is tried, and waited for only in a work item.

use crate::{
    device::{
        DeviceExt,
        DeviceLock, //
    },
    logic::{
        Driver,
        Function, //
    },
};
use kernel::{
    impl_has_work,
    new_work,
    pci,
    prelude::*,
    sync::aref::ARef,
    workqueue::{
        self,
        Work,
        WorkItem, //
    }, //
};

/// A device that is stopped once its lock is free.
#[pin_data]
struct Stop {
    dev: ARef<pci::Device>,
    #[pin]
    work: Work<Self>,
}

impl_has_work! {
    impl HasWork<Self> for Stop { self.work }
}

impl Stop {
    fn new(dev: ARef<pci::Device>) -> Result<Pin<KBox<Self>>> {
        let item = pin_init!(Self {
            dev,
            work <- new_work!("pci_liveupdate::Stop"),
        });

        KBox::pin_init(item, GFP_KERNEL)
    }
}

impl WorkItem for Stop {
    type Pointer = Pin<KBox<Self>>;

    fn run(this: Self::Pointer) {
        stop(&DeviceLock::lock(&this.dev));
    }
}

/// Stops `dev` unless it is a bridge or a driver's. Never waits.
pub(crate) fn stop_leftover(dev: ARef<pci::Device>) {
    if (&*dev).is_bridge() {
        return;
    }
    if let Some(locked) = DeviceLock::try_lock(&dev) {
        return stop(&locked);
    }

    match Stop::new(dev.clone()) {
        Ok(item) => {
            workqueue::system().enqueue(item);
        }
        Err(_) => dev_err!(dev, "no memory to stop it, it may still be doing DMA\n"),
    }
}

fn stop(dev: &DeviceLock<'_>) {
    if dev.driver() == Driver::None && !dev.state().removed.read() {
        dev.clear_master();
        dev_warn!(
            &**dev,
            "not finished and without a driver, Bus Master cleared\n"
        );
    }
}
