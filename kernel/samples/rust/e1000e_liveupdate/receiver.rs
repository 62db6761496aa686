// SPDX-License-Identifier: GPL-2.0

//! The receive path of the card: start it, stop it, or leave it running.
//!
//! The driver polls. It never unmasks an interrupt, so there is none to take over.

use crate::{
    memory::DESCRIPTORS_AT,
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

/// The used part of BAR 0.
pub(crate) type Bar<'bound> = pci::Bar<'bound, { regs::END }>;

/// Proof that a card was reset. It is valid until the card is started.
pub(crate) struct Stopped(());

/// Resets the card. After that it accesses no memory until [`start()`].
///
/// All frames that arrive until then are lost, so a card that the previous kernel left running is
/// reset only if its file was not retrieved.
pub(crate) fn reset(bar: &Bar<'_>) -> Result<Stopped> {
    bar.write_reg(regs::IMC::zeroed().with_causes(u32::MAX));
    bar.write_reg(regs::RCTL::zeroed());
    bar.write_reg(regs::CTRL::zeroed().with_reset(true));

    read_poll_timeout_atomic(
        || Ok(bar.read(regs::CTRL)),
        |control| !control.reset(),
        Delta::from_micros(10),
        1000,
    )?;
    // The interrupt mask was reset as well.
    bar.write_reg(regs::IMC::zeroed().with_causes(u32::MAX));
    Ok(Stopped(()))
}

/// Starts a card that was reset.
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

/// Returns the consumed descriptors to the card.
///
/// This is the only register that the driver writes on a receive path that it took over.
pub(crate) fn advance(bar: &Bar<'_>, ring: &Ring) {
    bar.write_reg(regs::RDT::zeroed().with_index(ring.tail()));
}

/// Returns where the card finds its descriptors.
fn descriptors(bar: &Bar<'_>) -> u64 {
    let low = u64::from(u32::from(bar.read(regs::RDBAL)));
    let high = u64::from(u32::from(bar.read(regs::RDBAH)));

    high << 32 | low
}

/// Returns whether the card has its ring in the preserved memory at that address.
pub(crate) fn is_at(bar: &Bar<'_>, address: u64) -> bool {
    address.checked_add(DESCRIPTORS_AT) == Some(descriptors(bar))
}

/// Returns whether the card receives into this ring. Writes nothing.
///
/// What the previous kernel saved may be wrong; the registers are what the card goes by.
pub(crate) fn is_receiving(bar: &Bar<'_>, ring: &Ring) -> bool {
    bar.read(regs::RCTL).enable()
        && descriptors(bar) == ring.descriptors()
        && u32::from(bar.read(regs::RDLEN)) == Ring::descriptor_bytes()
        && bar.read(regs::RDT).index() == u32::from(ring.tail())
}

/// Returns whether the card has no descriptor left, so that frames are lost.
pub(crate) fn is_full(bar: &Bar<'_>) -> bool {
    bar.read(regs::RDH).index() == bar.read(regs::RDT).index()
}
