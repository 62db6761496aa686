// SPDX-License-Identifier: GPL-2.0

//! Handovers of PCI devices that this kernel cannot read.

use crate::abi::{
    self,
    luo, //
};
use kernel::{
    kho,
    liveupdate::flb,
    prelude::*, //
};

/// An FLB of a name that stands for another layout. LUO finds FLBs by nothing but their name, so
/// asking for it tells whether there is one.
struct Foreign<const N: usize>;

#[vtable]
impl<const N: usize> flb::Flb for Foreign<N> {
    const COMPATIBLE: &'static CStr = abi::FOREIGN[N];

    type Outgoing = ();
    type Incoming = ();

    fn preserve() -> Result<(u64, ())> {
        Err(EOPNOTSUPP)
    }

    fn retrieve(_handle: kho::Handle) -> Result<()> {
        pr_err!(
            "refused: expected devices as {}, found them as {}\n",
            abi::COMPATIBLE,
            Self::COMPATIBLE
        );
        Err(EPROTO)
    }
}

static BLOCKS: flb::Static<Foreign<0>> = flb::Static::new();
static V1: flb::Static<Foreign<1>> = flb::Static::new();
static V2: flb::Static<Foreign<2>> = flb::Static::new();

/// Whether the previous kernel handed devices over in another layout.
pub(crate) fn spoke_otherwise() -> bool {
    let is_there = |error: Option<Error>| error != Some(ENOENT);

    is_there(BLOCKS.get_incoming().err())
        || is_there(V1.get_incoming().err())
        || is_there(V2.get_incoming().err())
}

/// Whether the previous kernel handed devices over to a kernel whose LUO is switched off.
pub(crate) fn was_not_expected() -> bool {
    // SAFETY: This is LUO's memory, but LUO is switched off, and this runs once.
    let Some(root) = (unsafe { kho::Handle::of_subtree(luo::ENTRY) }) else {
        return false;
    };

    match has_pci(root) {
        Ok(false) => false,
        Ok(true) => {
            pr_err!("refused: expected no handed over devices with liveupdate=off, found some\n");
            true
        }
        Err(_) => {
            pr_err!("refused: expected no handover with liveupdate=off, found one of LUO\n");
            true
        }
    }
}

/// Looks for PCI devices in what LUO left. An error says that it is not to be understood.
fn has_pci(root: kho::Handle) -> Result<bool> {
    let root = kho::Restored::<luo::Root>::take(root)?;
    let flbs = match root.flbs().ok_or(EPROTO)? {
        0 => return Ok(false),
        // SAFETY: It is LUO's memory again, whose address was just read for the only time.
        flbs => unsafe { kho::Handle::from_raw(flbs) },
    };

    Ok(kho::Restored::<luo::Flbs>::take(flbs)?.has_pci())
}
