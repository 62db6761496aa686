// SPDX-License-Identifier: GPL-2.0

//! Files: by path, or by descriptor and offset.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path; //

use crate::errno::Result;
use crate::wire::Word; //

/// Opens a file as `r`, `w` or `rw`, without creating or truncating it: the files of the guest
/// belong to the kernel.
pub(crate) fn open(path: &Path, mode: &str) -> Result<OwnedFd> {
    let file = OpenOptions::new()
        .read(mode.contains('r'))
        .write(mode.contains('w'))
        .open(path)?;
    Ok(file.into())
}

/// Reads up to the end. Files in sysfs and debugfs do not report their size.
pub(crate) fn read(path: &Path) -> Result<Word> {
    Ok(fs::read(path)?)
}

/// Writes with a single `write(2)`, as sysfs requires.
pub(crate) fn write(path: &Path, data: &[u8]) -> Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let written = file.write(data)?;
    if written != data.len() {
        return Err(io::Error::from_raw_os_error(libc::EIO).into());
    }
    Ok(())
}

/// Reads up to `len` bytes at `offset`, by path.
pub(crate) fn read_at(path: &Path, offset: u64, len: usize) -> Result<Word> {
    pread_file(&File::open(path)?, offset, len)
}

/// Writes all of `data` at `offset`, by path.
pub(crate) fn write_at(path: &Path, offset: u64, data: &[u8]) -> Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    Ok(file.write_all_at(data, offset)?)
}

fn pread_file(file: &File, offset: u64, len: usize) -> Result<Word> {
    let mut data = vec![0; len];
    let mut done = 0;
    while done < len {
        let at = offset.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
        match file.read_at(&mut data[done..], at)? {
            0 => break,
            n => done += n,
        }
    }
    data.truncate(done);
    Ok(data)
}

/// Reads up to `len` bytes at `offset` of an open file.
pub(crate) fn pread(fd: &OwnedFd, offset: u64, len: usize) -> Result<Word> {
    pread_file(&File::from(fd.try_clone()?), offset, len)
}

/// Writes all of `data` at `offset` of an open file.
pub(crate) fn pwrite(fd: &OwnedFd, offset: u64, data: &[u8]) -> Result<()> {
    Ok(File::from(fd.try_clone()?).write_all_at(data, offset)?)
}

/// Lists a directory, sorted by name.
pub(crate) fn list(path: &Path) -> Result<Vec<Word>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.push(entry?.file_name().as_bytes().to_vec());
    }
    names.sort();
    Ok(names)
}

/// Returns the permission bits.
pub(crate) fn mode(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o7777)
}

pub(crate) fn readlink(path: &Path) -> Result<Word> {
    Ok(fs::read_link(path)?.as_os_str().as_bytes().to_vec())
}
