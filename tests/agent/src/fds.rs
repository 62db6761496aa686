// SPDX-License-Identifier: GPL-2.0

//! The file descriptors that the host holds by number.

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

/// Owns them, so that a wrong number from the host is an error and never a stranger's descriptor.
///
/// A descriptor that is closed while a stress thread uses it is really closed by whoever uses it
/// last, which is how the kernel itself treats a file.
#[derive(Default)]
pub(crate) struct Fds {
    open: Mutex<BTreeMap<RawFd, Arc<OwnedFd>>>,
}

impl Fds {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RawFd, Arc<OwnedFd>>> {
        // The map is whole whatever happened to a thread that held it.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a new descriptor and returns the number the host will call it by.
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
