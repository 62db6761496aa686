// SPDX-License-Identifier: GPL-2.0

//! As much of what the Live Update Orchestrator (LUO) leaves for the next kernel as it takes to see
//! whether PCI devices were handed over, in a kernel whose own LUO is switched off.
//!
//! The format is LUO's: `include/linux/kho/abi/luo.h`.

use super::{
    COMPATIBLE,
    FOREIGN, //
};
use core::ffi::CStr;
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

/// The name under which KHO knows the [`Root`].
pub const ENTRY: &CStr = c"LUO";

/// The format that is understood here.
const FORMAT: &[u8; 8] = b"luo-v5\0\0";

/// `struct luo_ser`.
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct Root {
    compatible: [u8; 8],
    liveupdate_num: u64,
    sessions_pa: u64,
    flbs_pa: u64,
}

impl Root {
    /// The handle of the [`Flbs`], or [`None`] if this is a format that is not understood.
    pub fn flbs(&self) -> Option<u64> {
        (self.compatible == *FORMAT).then_some(self.flbs_pa)
    }
}

/// `struct luo_flb_ser`.
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct FlbSer {
    name: [u8; 48],
    data: u64,
    count: u64,
}

/// `struct luo_flb_header_ser` with what follows it.
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct Flbs {
    pgcnt: u64,
    count: u64,
    flbs: [FlbSer],
}

impl Flbs {
    /// Whether PCI devices were handed over, in whatever layout.
    pub fn has_pci(&self) -> bool {
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);

        self.flbs
            .iter()
            .take(count)
            .filter_map(|flb| CStr::from_bytes_until_nul(&flb.name).ok())
            .any(|name| name == COMPATIBLE || FOREIGN.contains(&name))
    }
}
