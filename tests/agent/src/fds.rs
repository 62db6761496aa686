// SPDX-License-Identifier: GPL-2.0

//! The file descriptors that the host refers to by number.

use std::collections::BTreeMap;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError; //

use crate::errno::Errno;
use crate::errno::Result; //

/// Owns the descriptors, so a wrong number from the host is an error and no other descriptor.
///
/// A descriptor that is closed while a stress thread uses it stays open until the last user is
/// done, as it is with files in the kernel.
#[derive(Default)]
pub(crate) struct Fds {
    open: Mutex<BTreeMap<RawFd, Arc<OwnedFd>>>,
}

impl Fds {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RawFd, Arc<OwnedFd>>> {
        // The map is consistent even if a thread that held the lock panicked.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a descriptor and returns the number for the host.
    pub(crate) fn add(&self, fd: OwnedFd) -> RawFd {
        let number = fd.as_raw_fd();
        self.lock().insert(number, Arc::new(fd));
        number
    }

    pub(crate) fn get(&self, number: RawFd) -> Result<Arc<OwnedFd>> {
        self.lock().get(&number).cloned().ok_or_else(|| Errno {
            code: libc::EBADF,
            text: format!("agent: no file descriptor {number}"),
        })
    }

    pub(crate) fn close(&self, number: RawFd) -> Result<()> {
        let fd = self.get(number)?;
        self.lock().remove(&number);
        drop(fd);
        Ok(())
    }
}
