// SPDX-License-Identifier: GPL-2.0

//! The summary at the end of the enumeration at boot.

use crate::core::Core;
use kernel::prelude::*;

impl Core {
    /// Sums up what became of the functions that were handed over.
    pub(crate) fn summarize(&self) {
        let directions = self.directions.lock();
        let Some(incoming) = directions.incoming.as_ref() else {
            return;
        };

        let (mut all, mut found) = (0, 0);
        for entry in incoming.iter() {
            all += 1;
            if entry.found {
                found += 1;
            } else {
                pr_warn!("{}: handed over, but missing\n", entry.key);
            }
        }
        let missing = all - found;
        pr_info!("{all} functions handed over, {found} found, {missing} missing\n");
    }
}
