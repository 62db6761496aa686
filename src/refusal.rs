// SPDX-License-Identifier: GPL-2.0

//! What happens when devices were handed over, but this kernel cannot tell which.

use crate::{
    logic::Policy,
    state::{
        set_handover,
        Handover, //
    },
};
use kernel::{
    bindings,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

static POLICY: Atomic<u32> = Atomic::new(Policy::Panic as u32);

/// Takes the policy that was asked for on the command line.
pub(crate) fn set_policy(name: &[u8]) -> Result {
    let policy = Policy::parse(name).ok_or(EINVAL)?;

    // CAST: as it is read back below.
    POLICY.store(policy as u32, Relaxed);
    Ok(())
}

fn policy() -> Policy {
    match POLICY.load(Relaxed) {
        n if n == Policy::Contain as u32 => Policy::Contain,
        n if n == Policy::Ignore as u32 => Policy::Ignore,
        _ => Policy::Panic,
    }
}

/// Acts on a handover that was refused. The diagnosis has been given.
pub(crate) fn act() {
    match policy() {
        Policy::Panic => stop(),
        Policy::Contain => {
            pr_emerg!("unknown devices may be doing DMA: clearing Bus Master on every function\n");
            set_handover(Handover::Contained);
        }
        Policy::Ignore => {
            pr_emerg!("unknown devices may be doing DMA to memory of this kernel: ignored\n");
        }
    }
}

/// Stops the kernel.
fn stop() -> ! {
    // SAFETY: The format has no conversions, so that no argument is read.
    unsafe {
        bindings::panic(
            c"PCI Live Update: unknown devices may be doing DMA (see pci_liveupdate=)"
                .as_char_ptr(),
        )
    }
}
