// SPDX-License-Identifier: GPL-2.0

//! The receive path of the device: start it, stop it, or leave it running.
//!
//! The driver polls. No interrupt is ever unmasked, so there is none to take over.

use crate::{
    regs,
    ring::Ring, //
};
use kernel::{
    io::{
        poll::read_poll_timeout_atomic,
        Io, //
    },
    pci,
    prelude::*,
    time::Delta, //
};

/// BAR 0, as much of it as is used.
pub(crate) type Bar<'bound> = pci::Bar<'bound, { regs::END }>;

/// Resets the device. It touches no memory after that, and has no link for a while.
///
/// Never for a device that another kernel left running, unless its owner gave it up: frames that
/// are under way would be lost, and those to come until [`start()`].
pub(crate) fn reset(bar: &Bar<'_>) -> Result {
    bar.write_reg(regs::IMC::zeroed().with_causes(u32::MAX));
    bar.write_reg(regs::RCTL::zeroed());
    bar.write_reg(regs::CTRL::zeroed().with_reset(true));

    read_poll_timeout_atomic(
        || Ok(bar.read(regs::CTRL)),
        |control| !control.reset(),
        Delta::from_micros(10),
        1000,
    )?;
    // The reset brought the interrupt mask back as well.
    bar.write_reg(regs::IMC::zeroed().with_causes(u32::MAX));
    Ok(())
}

/// Starts a device that was reset.
pub(crate) fn start(bar: &Bar<'_>, ring: &Ring) {
    let address = ring.descriptors();

    // CAST: The two halves.
    bar.write_reg(regs::RDBAL::from(address as u32));
    bar.write_reg(regs::RDBAH::from((address >> 32) as u32));
    bar.write_reg(regs::RDLEN::from(Ring::descriptor_bytes()));
    bar.write_reg(regs::RDH::zeroed());
    bar.write_reg(regs::CTRL::zeroed().with_set_link_up(true));
    bar.write_reg(
        regs::RCTL::zeroed()
            .with_enable(true)
            .with_accept_broadcast(true)
            .with_const_buffer_size::<3>()
            .with_strip_crc(true),
    );
    advance(bar, ring);
}

/// Gives the descriptors that were consumed back to the device.
///
/// This is the one write that a driver makes to a receive path that it took over.
pub(crate) fn advance(bar: &Bar<'_>, ring: &Ring) {
    bar.write_reg(regs::RDT::zeroed().with_index(ring.tail()));
}

/// Returns whether the device receives into this ring. Reads only.
///
/// The device is the better witness: it has worked with the ring all the time, and knows nothing of
/// kernels.
pub(crate) fn runs(bar: &Bar<'_>, ring: &Ring) -> bool {
    let low = u64::from(u32::from(bar.read(regs::RDBAL)));
    let high = u64::from(u32::from(bar.read(regs::RDBAH)));

    bar.read(regs::RCTL).enable()
        && (high << 32 | low) == ring.descriptors()
        && u32::from(bar.read(regs::RDLEN)) == Ring::descriptor_bytes()
        && bar.read(regs::RDT).index() == u32::from(ring.tail())
}

/// Returns whether the device has no descriptor left: frames may be lost from now on.
pub(crate) fn is_full(bar: &Bar<'_>) -> bool {
    bar.read(regs::RDH).index() == bar.read(regs::RDT).index()
}
