// SPDX-License-Identifier: GPL-2.0

//! The physical pages of a file.

use std::fs::File;
use std::io;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt; //

use crate::errno::Errno;
use crate::errno::Result;
use crate::sys::Mapping;
use crate::wire::Word; //

const PAGE: usize = 4096;
/// The size of an entry of the page map.
const ENTRY: usize = 8;

fn too_large(err: impl ToString) -> Errno {
    Errno::invalid(err.to_string())
}

/// Maps `[offset, offset + len)`, and touches each page so that it is present.
fn touched(fd: &OwnedFd, offset: u64, len: usize) -> Result<Mapping> {
    let map = Mapping::new(fd, offset, len)?;

    for at in (0..len).step_by(PAGE) {
        map.get(at);
    }
    Ok(map)
}

/// Writes `len` zeroes, which takes less time than a page fault for each page.
pub(crate) fn fill(fd: &OwnedFd, len: u64) -> Result<()> {
    let mut file = File::from(fd.try_clone()?);

    io::copy(&mut io::repeat(0).take(len), &mut file)?;
    Ok(())
}

/// Returns what `/proc/self/pagemap` says about each page: eight bytes, little-endian.
pub(crate) fn entries(fd: &OwnedFd, offset: u64, len: usize) -> Result<Word> {
    let map = touched(fd, offset, len)?;
    let first = usize::try_from(map.address()).map_err(too_large)? / PAGE;
    let at = u64::try_from(first.saturating_mul(ENTRY)).map_err(too_large)?;
    let mut entries = vec![0; len.div_ceil(PAGE).saturating_mul(ENTRY)];

    File::open("/proc/self/pagemap")?.read_exact_at(&mut entries, at)?;
    Ok(entries)
}

/// Has the kernel reclaim the pages.
pub(crate) fn page_out(fd: &OwnedFd, offset: u64, len: usize) -> Result<()> {
    Ok(touched(fd, offset, len)?.page_out()?)
}
