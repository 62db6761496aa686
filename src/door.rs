// SPDX-License-Identifier: GPL-2.0

//! Where C calls in. Each function turns pointers into references and goes on in safe code.

#[cfg(CONFIG_DEBUG_FS)]
use crate::debugfs;
use crate::{
    acs,
    ari,
    binding,
    bus::Scan,
    buses,
    device::DeviceExt,
    flb,
    incoming,
    logic::Range,
    outgoing,
    refusal,
    state, //
};
use kernel::{
    bindings,
    error::from_result,
    pci,
    prelude::*, //
};

/// A device as a caller in C means it.
///
/// # Safety
///
/// `dev` must be a valid device that lives for `'a`.
unsafe fn device<'a>(dev: *mut bindings::pci_dev) -> &'a pci::Device {
    // SAFETY: By the safety requirements of this function; `pci::Device` is a transparent wrapper.
    unsafe { &*dev.cast() }
}

/// pci_liveupdate_register_flb() - Have PCI devices handed over with the files of a handler.
///
/// # Safety
///
/// `fh` must be a registered file handler.
#[export]
pub unsafe extern "C" fn pci_liveupdate_register_flb(
    fh: *mut bindings::liveupdate_file_handler,
) -> c_int {
    // SAFETY: By the safety requirements of this function.
    from_result(|| unsafe { flb::FLB.register(fh) }.map(|()| 0))
}

/// pci_liveupdate_unregister_flb() - Undo pci_liveupdate_register_flb().
///
/// # Safety
///
/// `fh` must be a file handler that pci_liveupdate_register_flb() was called for.
#[export]
pub unsafe extern "C" fn pci_liveupdate_unregister_flb(fh: *mut bindings::liveupdate_file_handler) {
    // SAFETY: By the safety requirements of this function.
    unsafe { flb::FLB.unregister(fh) };
}

/// pci_liveupdate_preserve() - Keep a device running over the next kexec.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_preserve(dev: *mut bindings::pci_dev) -> c_int {
    // SAFETY: By the safety requirements of this function.
    from_result(|| outgoing::preserve(unsafe { device(dev) }).map(|()| 0))
}

/// pci_liveupdate_unpreserve() - Undo one pci_liveupdate_preserve().
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_unpreserve(dev: *mut bindings::pci_dev) {
    // SAFETY: By the safety requirements of this function.
    outgoing::unpreserve(unsafe { device(dev) });
}

/// pci_liveupdate_finish() - Say that a driver has taken an incoming device over.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_finish(dev: *mut bindings::pci_dev) {
    // SAFETY: By the safety requirements of this function.
    incoming::finish(unsafe { device(dev) });
}

/// pci_liveupdate_is_incoming() - Whether a device runs since the previous kernel.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_is_incoming(dev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function.
    incoming::is_incoming(unsafe { device(dev) })
}

/// Called by pci_setup_device() before anything is written to the device.
///
/// # Safety
///
/// `dev` must be a valid device with a bus and a name.
#[export]
pub unsafe extern "C" fn pci_liveupdate_setup_device(dev: *mut bindings::pci_dev) {
    // SAFETY: By the safety requirements of this function.
    incoming::setup(unsafe { device(dev) });
}

/// Called by pci_destroy_dev() once the device is marked as removed.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_cleanup_device(dev: *mut bindings::pci_dev) {
    // SAFETY: By the safety requirements of this function.
    let dev = unsafe { device(dev) };

    outgoing::cleanup(dev);
    incoming::cleanup(dev);
}

/// Called by pci_device_shutdown() before anything else.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_freeze_device(dev: *mut bindings::pci_dev) {
    // SAFETY: By the safety requirements of this function.
    outgoing::freeze(unsafe { device(dev) });
}

/// Whether a device runs for the next or the previous kernel.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_is_live(dev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function.
    unsafe { device(dev) }.status().is_live()
}

/// Called where Bus Master would be cleared: whether it stays as it is.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_keeps_master(dev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function.
    unsafe { device(dev) }.status().keeps_master()
}

/// Called by pci_scan_bridge_extend() for each bridge, with the numbers in its registers: whether
/// nothing is to be written to it, or scanned behind it.
///
/// # Safety
///
/// `dev` must be a valid bridge, on a bus that nobody else scans.
#[export]
pub unsafe extern "C" fn pci_liveupdate_refuses_bridge(
    dev: *mut bindings::pci_dev,
    primary: u8,
    secondary: u8,
    subordinate: u8,
    pass: c_int,
) -> bool {
    let numbers = buses::Numbers {
        primary,
        behind: Range {
            first: secondary,
            last: subordinate,
        },
    };

    // SAFETY: By the safety requirements of this function.
    let (dev, scan) = unsafe { (device(dev), Scan::new()) };

    buses::refuses(dev, numbers, pass == 0, &scan)
}

/// Called by pci_scan_bridge_extend() after that: whether the bridge keeps its numbers, also where
/// all numbers are assigned anew.
///
/// # Safety
///
/// `dev` must be a valid bridge.
#[export]
pub unsafe extern "C" fn pci_liveupdate_keeps_buses(dev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function.
    buses::keeps(unsafe { device(dev) })
}

/// Called by pci_acs_init() once the capability is known.
///
/// # Safety
///
/// `dev` must be a valid device that is being set up.
#[export]
pub unsafe extern "C" fn pci_liveupdate_adopt_acs(dev: *mut bindings::pci_dev) {
    // SAFETY: By the safety requirements of this function.
    unsafe { acs::adopt(device(dev)) };
}

/// Called by pci_enable_acs() before it chooses the control bits: whether they are settled.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_keeps_acs(dev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function.
    acs::keeps(unsafe { device(dev) })
}

/// Called by pci_configure_ari() first: whether ARI Forwarding above the device is settled.
///
/// # Safety
///
/// `dev` must be a valid device that is being set up.
#[export]
pub unsafe extern "C" fn pci_liveupdate_keeps_ari(dev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function: who sets a device up is a scan.
    let (dev, scan) = unsafe { (device(dev), Scan::new()) };

    ari::keeps(dev, &scan)
}

/// Called by pci_bus_match() for a driver that matches: whether it may not bind on its own.
///
/// # Safety
///
/// `dev` must be a valid device, `drv` a registered driver.
#[export]
pub unsafe extern "C" fn pci_liveupdate_refuses_driver(
    dev: *mut bindings::pci_dev,
    drv: *const bindings::pci_driver,
) -> bool {
    // SAFETY: By the safety requirements of this function; a registered driver has a name.
    let (dev, liveupdate, name) = unsafe {
        (
            device(dev),
            (*drv).liveupdate,
            CStr::from_char_ptr((*drv).name),
        )
    };

    binding::refuses(dev, liveupdate, name)
}

/// Takes `pci_liveupdate=` from the command line.
///
/// # Safety
///
/// `name` must be null or a string.
#[export]
pub unsafe extern "C" fn pci_liveupdate_policy(name: *mut c_char) -> c_int {
    from_result(|| {
        if name.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: By the safety requirements of this function.
        refusal::set_policy(unsafe { CStr::from_char_ptr(name) }.to_bytes()).map(|()| 0)
    })
}

/// The first thing of the core that runs.
///
/// # Safety
///
/// Must be called once, before any device is enumerated and any driver registered.
#[export]
pub unsafe extern "C" fn pci_liveupdate_start() -> c_int {
    // SAFETY: By the safety requirements of this function.
    unsafe { state::init() };

    flb::start();
    0
}

/// Called when the devices that are there at boot have been enumerated, and debugfs is up.
///
/// # Safety
///
/// Always safe to call. Unsafe only because of `#[export]`.
#[export]
pub unsafe extern "C" fn pci_liveupdate_report() -> c_int {
    incoming::report();
    #[cfg(CONFIG_DEBUG_FS)]
    debugfs::create();
    0
}
