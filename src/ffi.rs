// SPDX-License-Identifier: GPL-2.0

//! Where C calls in. Each function turns pointers into references and goes on in safe code.

use crate::{
    boot,
    core::{
        self,
        core, //
    },
    fabric::{
        buses::{
            Numbers,
            Scanned, //
        },
        dma,
        sleep::Sleep, //
    },
    flb,
    logic::Range,
    record::RECORD,
    report, //
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
#[inline]
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
    // SAFETY: By the safety requirements of this function. What is undone was just registered.
    from_result(|| unsafe {
        flb::register(fh)?;
        RECORD.register(fh).inspect_err(|_| flb::unregister(fh))?;
        Ok(0)
    })
}

/// pci_liveupdate_unregister_flb() - Undo pci_liveupdate_register_flb().
///
/// # Safety
///
/// `fh` must be a file handler that pci_liveupdate_register_flb() was called for.
#[export]
pub unsafe extern "C" fn pci_liveupdate_unregister_flb(fh: *mut bindings::liveupdate_file_handler) {
    // SAFETY: By the safety requirements of this function.
    unsafe {
        RECORD.unregister(fh);
        flb::unregister(fh);
    }
}

/// pci_liveupdate_preserve() - Keep a device running over the next kexec.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_preserve(dev: *mut bindings::pci_dev) -> c_int {
    // SAFETY: By the safety requirements of this function.
    let dev = unsafe { device(dev) };

    from_result(|| core().ok_or(ENODEV)?.preserve(dev).map(|()| 0))
}

/// pci_liveupdate_unpreserve() - Undo one pci_liveupdate_preserve().
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_unpreserve(dev: *mut bindings::pci_dev) {
    if let Some(core) = core() {
        // SAFETY: By the safety requirements of this function.
        core.unpreserve(unsafe { device(dev) });
    }
}

/// pci_liveupdate_finish() - Say that a driver has taken over an incoming device.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_finish(dev: *mut bindings::pci_dev) {
    if let Some(core) = core() {
        // SAFETY: By the safety requirements of this function.
        core.finish(unsafe { device(dev) });
    }
}

/// pci_liveupdate_is_incoming() - Tell whether a device was preserved by the previous kernel.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_is_incoming(dev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function.
    core().is_some_and(|core| core.is_incoming(unsafe { device(dev) }))
}

/// Called by pci_setup_device() before anything is written to the device.
///
/// # Safety
///
/// `dev` must be a valid device with a bus and a name.
#[export]
pub unsafe extern "C" fn pci_liveupdate_setup_device(dev: *mut bindings::pci_dev) {
    if let Some(core) = core() {
        // SAFETY: By the safety requirements of this function.
        core.setup_device(unsafe { device(dev) });
    }
}

/// Called by pci_destroy_dev() once the device is marked as removed.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_cleanup_device(dev: *mut bindings::pci_dev) {
    if let Some(core) = core() {
        // SAFETY: By the safety requirements of this function.
        core.cleanup_device(unsafe { device(dev) });
    }
}

/// Called by pci_device_shutdown() before anything else.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_freeze_device(dev: *mut bindings::pci_dev) {
    if let Some(core) = core() {
        // SAFETY: By the safety requirements of this function.
        let dev = unsafe { device(dev) };

        core.freeze_device(dev);
        dma::leave_dma(dev);
        core.record_device(dev);
    }
}

/// Called for each device on the way to the next kernel, before the first one is shut down.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_leave_device(dev: *mut bindings::pci_dev) {
    if let Some(core) = core() {
        // SAFETY: By the safety requirements of this function.
        core.leave_device(unsafe { device(dev) });
    }
}

/// pci_liveupdate_is_running() - Tell whether a device does DMA since the previous kernel.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_is_running(dev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function.
    core().is_some_and(|core| core.is_running(unsafe { device(dev) }))
}

/// pci_liveupdate_stop_dma() - Take Bus Master from a device of the previous kernel.
///
/// # Safety
///
/// `dev` must be a valid device, `reason` a string.
#[export]
pub unsafe extern "C" fn pci_liveupdate_stop_dma(
    dev: *mut bindings::pci_dev,
    reason: *const c_char,
) {
    // SAFETY: By the safety requirements of this function.
    unsafe { dma::stop_dma(device(dev), CStr::from_char_ptr(reason)) };
}

/// Called by pci_ats_init(): tells whether the device is taken for one without ATS.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_forbid_ats(dev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function.
    core().is_some_and(|core| core.forbid_ats(unsafe { device(dev) }))
}

/// Tells whether a device is in use by another kernel than this one.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_is_live(dev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function.
    core().is_some_and(|core| core.is_live(unsafe { device(dev) }))
}

/// Called where Bus Master would be cleared: tells whether it stays set.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_keep_master(dev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function.
    core().is_some_and(|core| core.keep_master(unsafe { device(dev) }))
}

/// Called by pci_device_shutdown() where it clears Bus Master: tells whether it stays set.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_keep_dma(dev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function.
    core().is_some_and(|core| core.keep_dma(unsafe { device(dev) }))
}

/// Called by do_pci_enable_device() where it enables INTx: tells whether INTx stays disabled.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_keep_intx(dev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function.
    core().is_some_and(|core| core.keep_intx(unsafe { device(dev) }))
}

/// Called before a function is reset: tells whether it may be.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_may_reset(dev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function.
    core().is_none_or(|core| core.may_reset(unsafe { device(dev) }))
}

/// Called before the slot or the bus of a function is reset: tells whether it may be.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_may_reset_bus(dev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function.
    core().is_none_or(|core| core.may_reset_bus(unsafe { device(dev) }))
}

/// Called before everything below a bridge is reset: tells whether it may be.
///
/// # Safety
///
/// `bridge` must be a valid bridge.
#[export]
pub unsafe extern "C" fn pci_liveupdate_may_reset_below(bridge: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function.
    core().is_none_or(|core| core.may_reset_below(unsafe { device(bridge) }))
}

/// Called before a kexec that is to come back: tells whether devices may be suspended.
///
/// # Safety
///
/// Always safe to call. Unsafe only because of `#[export]`.
#[export]
pub unsafe extern "C" fn pci_liveupdate_may_sleep() -> bool {
    core().is_none_or(|core| core.may_sleep())
}

/// Called before a suspend or a hibernation.
///
/// # Safety
///
/// Always safe to call. Unsafe only because of `#[export]`.
#[export]
pub unsafe extern "C" fn pci_liveupdate_prepare_sleep(to_disk: bool) -> c_int {
    from_result(|| match core() {
        Some(core) => core.prepare_sleep(sleep(to_disk)).map(|()| 0),
        None => Ok(0),
    })
}

/// Called after it, if pci_liveupdate_prepare_sleep() returned 0.
///
/// # Safety
///
/// Always safe to call. Unsafe only because of `#[export]`.
#[export]
pub unsafe extern "C" fn pci_liveupdate_end_sleep(to_disk: bool) {
    if let Some(core) = core() {
        core.end_sleep(sleep(to_disk));
    }
}

const fn sleep(to_disk: bool) -> Sleep {
    match to_disk {
        true => Sleep::ToDisk,
        false => Sleep::ToMemory,
    }
}

/// Called by pci_scan_bridge_extend() for each bridge, with the numbers in its registers.
///
/// Returns 1 if the bridge keeps these numbers, also where all numbers are assigned anew, an error
/// if nothing is to be written to it or scanned below it in this pass, and 0 otherwise.
///
/// # Safety
///
/// `bridge` must be a valid bridge, on a bus that nobody else scans.
#[export]
pub unsafe extern "C" fn pci_liveupdate_scan_bridge(
    bridge: *mut bindings::pci_dev,
    primary: u8,
    secondary: u8,
    subordinate: u8,
    pass: c_int,
) -> c_int {
    let numbers = Numbers {
        primary,
        behind: Range {
            first: secondary,
            last: subordinate,
        },
    };
    let Some(core) = core() else {
        return 0;
    };

    // SAFETY: By the safety requirements of this function.
    match unsafe { core.scan_bridge(device(bridge), numbers, pass == 0) } {
        Scanned::AsUsual => 0,
        Scanned::Pinned => 1,
        Scanned::LeftAlone => EBUSY.to_errno(),
    }
}

/// Called by sriov_enable() before anything is written to the device. Returns an error if Virtual
/// Functions may not be enabled on it; otherwise pci_liveupdate_end_vfs() follows.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_begin_vfs(dev: *mut bindings::pci_dev, nr: c_int) -> c_int {
    match core() {
        // SAFETY: By the safety requirements of this function.
        Some(core) if nr != 0 => from_result(|| core.begin_vfs(unsafe { device(dev) }).map(|()| 0)),
        _ => 0,
    }
}

/// Called by sriov_enable() when it knows how many Virtual Functions there are.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_end_vfs(dev: *mut bindings::pci_dev) {
    if let Some(core) = core() {
        // SAFETY: By the safety requirements of this function.
        core.end_vfs(unsafe { device(dev) });
    }
}

/// Called by pci_init_capabilities() once the ACS capability is known, if there is one.
///
/// # Safety
///
/// `dev` must be a valid device that is being set up.
#[export]
pub unsafe extern "C" fn pci_liveupdate_init_acs(dev: *mut bindings::pci_dev) {
    if let Some(core) = core() {
        // SAFETY: By the safety requirements of this function.
        core.init_acs(unsafe { device(dev) });
    }
}

/// Called by pci_enable_acs() before it chooses the control bits: tells whether they are settled.
///
/// # Safety
///
/// `dev` must be a valid device.
#[export]
pub unsafe extern "C" fn pci_liveupdate_keep_acs(dev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function.
    core().is_some_and(|core| core.keep_acs(unsafe { device(dev) }))
}

/// Called by pci_configure_ari() before it chooses whether the bridge above a device forwards with
/// ARI: tells whether that is settled.
///
/// # Safety
///
/// `dev` must be a valid device that is being set up.
#[export]
pub unsafe extern "C" fn pci_liveupdate_keep_ari(dev: *mut bindings::pci_dev) -> bool {
    // SAFETY: By the safety requirements of this function.
    core().is_some_and(|core| unsafe { core.keep_ari(device(dev)) })
}

/// Called by pci_bus_match() for a driver that has the ID of the device: tells whether it may bind.
///
/// # Safety
///
/// `dev` must be a valid device, `drv` a registered driver.
#[export]
pub unsafe extern "C" fn pci_liveupdate_driver_match(
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

    core().is_none_or(|core| core.driver_match(dev, liveupdate, name))
}

/// Takes `pci_liveupdate=` from the command line.
///
/// # Safety
///
/// `name` must be null or a string.
#[export]
pub unsafe extern "C" fn pci_liveupdate_set_policy(name: *mut c_char) -> c_int {
    from_result(|| {
        if name.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: By the safety requirements of this function.
        core::set_policy(unsafe { CStr::from_char_ptr(name) }.to_bytes()).map(|()| 0)
    })
}

/// Takes `pci_liveupdate.formats=` from the command line.
///
/// # Safety
///
/// `names` must be null or a string.
#[export]
pub unsafe extern "C" fn pci_liveupdate_set_formats(names: *mut c_char) -> c_int {
    from_result(|| {
        if names.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: By the safety requirements of this function.
        core::set_formats(unsafe { CStr::from_char_ptr(names) }.to_bytes()).map(|()| 0)
    })
}

/// The first thing of the core that runs.
///
/// # Safety
///
/// Must be called once, before any device is enumerated and any driver registered.
#[export]
pub unsafe extern "C" fn pci_liveupdate_init() -> c_int {
    from_result(|| {
        core::init()?;
        boot::init(core().ok_or(ENODEV)?);
        Ok(0)
    })
}

/// Called when the devices that are there at boot have been enumerated, and debugfs is up.
///
/// # Safety
///
/// Always safe to call. Unsafe only because of `#[export]`.
#[export]
pub unsafe extern "C" fn pci_liveupdate_late_init() -> c_int {
    if let Some(core) = core() {
        report::init(core);
    }
    0
}
