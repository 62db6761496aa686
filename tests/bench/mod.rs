// SPDX-License-Identifier: GPL-2.0

//! Sets the core of the machine up for the bench, which is C: see `bench.h`.
//!
//! Only for a kernel that has no other use: what the core knew is forgotten.

use crate::{
    abi::{
        DevSer,
        Ser, //
    },
    core::{
        core,
        Handover, //
    },
    flb::memory_for_blocks,
    logic::size_for, //
};
use core::slice;
use kernel::{
    error::from_result,
    kho,
    prelude::*, //
};

/// Has devices preserved in an empty table of each format, as the first file does. Returns the size
/// of the array in bytes.
///
/// # Safety
///
/// Always safe to call, once the core is there.
#[no_mangle]
pub unsafe extern "C" fn pci_liveupdate_bench_outgoing(nr_devices: c_uint) -> c_long {
    match begin_outgoing(nr_devices) {
        // CAST: what a folio has at most is far less.
        Ok(size) => size as c_long,
        // CAST: `long` has all numbers that `int` has.
        Err(error) => error.to_errno() as c_long,
    }
}

fn begin_outgoing(nr_devices: c_uint) -> Result<usize> {
    // CAST: `CONFIG_PCI_LIVEUPDATE` depends on `CONFIG_64BIT`.
    let bytes = size_for(nr_devices as usize).ok_or(E2BIG)?;
    let mut memory = kho::Folio::<Ser>::zeroed(bytes)?;
    let size = memory.size();

    memory.preserve()?;
    let core = core().ok_or(ENODEV)?;
    core.begin_array(memory)?;

    let (mut head, mut pages) = memory_for_blocks(core.nr_entries().ok_or(E2BIG)?)?;
    head.preserve()?;
    for page in pages.iter_mut() {
        page.preserve()?;
    }
    core.begin_blocks(head, pages)?;
    Ok(size)
}

/// Has `entries` handed over by a previous kernel.
///
/// # Safety
///
/// `entries` must point to `nr` of them.
#[no_mangle]
pub unsafe extern "C" fn pci_liveupdate_bench_incoming(
    entries: *const DevSer,
    nr: c_uint,
) -> c_int {
    // CAST: `CONFIG_PCI_LIVEUPDATE` depends on `CONFIG_64BIT`.
    //
    // SAFETY: By the safety requirements of this function.
    let entries = unsafe { slice::from_raw_parts(entries, nr as usize) };

    from_result(|| begin_incoming(entries).map(|()| 0))
}

fn begin_incoming(entries: &[DevSer]) -> Result {
    let bytes = Ser::size_for(entries.len()).ok_or(E2BIG)?;
    let mut ser = kho::Folio::<Ser>::zeroed(bytes)?;

    ser.max_nr_devices = u32::try_from(entries.len())?;
    ser.nr_devices = ser.max_nr_devices;
    ser.devices
        .get_mut(..entries.len())
        .ok_or(EINVAL)?
        .copy_from_slice(entries);
    core().ok_or(ENODEV)?.begin_incoming(&ser)
}

/// Forgets what is preserved, and what was handed over.
///
/// # Safety
///
/// Always safe to call.
#[no_mangle]
pub unsafe extern "C" fn pci_liveupdate_bench_clear() {
    let Some(core) = core() else {
        return;
    };

    core.set_handover(Handover::Nothing);
    let gone = {
        let mut directions = core.directions.lock();
        (directions.outgoing.take(), directions.incoming.take())
    };
    drop(gone);
}
