// SPDX-License-Identifier: GPL-2.0

//! What operators get to see.

#[cfg(CONFIG_DEBUG_FS)]
mod debugfs;
#[cfg(CONFIG_DEBUG_FS)]
mod preflight;
pub(crate) mod stats;
mod summary;
pub(crate) mod tracepoints;

use crate::core::Core;

/// Says what became of the handover, and creates the files in debugfs.
pub(crate) fn init(core: &Core) {
    core.summarize();
    #[cfg(CONFIG_DEBUG_FS)]
    debugfs::init();
}
