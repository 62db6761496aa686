// SPDX-License-Identifier: GPL-2.0

//! System calls that std lacks, each as a safe function.
//!
//! All `unsafe` of the agent is here, except for the arguments and results of LUO's ioctls, which
//! are described in `luo.rs`.

use std::ffi::CStr;
use std::io;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::ptr::null;
use std::ptr::null_mut;
use std::ptr::NonNull; //

/// The result of a system call: -1 means that errno is set.
fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

pub(crate) fn mount(kind: &CStr, target: &CStr) -> io::Result<()> {
    // SAFETY: The strings end with NUL, and mounting without data is always allowed.
    let result = unsafe { libc::mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), 0, null()) };
    check(result.into()).map(drop)
}

/// Disables echo, signals, line editing and translation of a terminal.
pub(crate) fn make_raw(terminal: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: Integers and arrays of integers, for which zero is a valid value.
    let mut settings: libc::termios = unsafe { std::mem::zeroed() };

    // SAFETY: The pointer is to a live `termios`, here and in the two calls below.
    let result = unsafe { libc::tcgetattr(terminal.as_raw_fd(), &mut settings) };
    check(result.into())?;
    // SAFETY: As above.
    unsafe { libc::cfmakeraw(&mut settings) };
    settings.c_cflag |= libc::CLOCAL | libc::CREAD;
    // SAFETY: As above.
    let result = unsafe { libc::tcsetattr(terminal.as_raw_fd(), libc::TCSANOW, &settings) };
    check(result.into()).map(drop)
}

pub(crate) fn memfd_create(name: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: The string ends with NUL.
    let fd = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) };
    check(fd.into())?;
    // SAFETY: The call created this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub(crate) fn eventfd() -> io::Result<OwnedFd> {
    // SAFETY: No pointers are passed.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    check(fd.into())?;
    // SAFETY: The call created this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Lets the calling thread run on one CPU only.
pub(crate) fn pin(cpu: usize) -> io::Result<()> {
    // SAFETY: Arrays of integers, for which zero is a valid value.
    let mut cpus: libc::cpu_set_t = unsafe { std::mem::zeroed() };

    // SAFETY: The number is checked by the macro of the C library.
    unsafe { libc::CPU_SET(cpu, &mut cpus) };
    // SAFETY: The pointer is to a live set of the size that is passed.
    let result = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &cpus) };
    check(result.into()).map(drop)
}

/// `struct __user_cap_header_struct`
#[repr(C)]
struct CapHeader {
    version: u32,
    pid: libc::c_int,
}

/// `struct __user_cap_data_struct`
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// `_LINUX_CAPABILITY_VERSION_3`: two words of each set.
const CAP_VERSION: u32 = 0x2008_0522;

/// Takes a capability from the calling thread, for ever.
pub(crate) fn drop_capability(capability: u32) -> io::Result<()> {
    let mut header = CapHeader {
        version: CAP_VERSION,
        pid: 0,
    };
    let mut data = [CapData::default(); 2];

    // SAFETY: The pointers are to a live header, and to as much data as its version says.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) };
    check(result)?;
    for (word, bits) in (0..).zip(&mut data) {
        let lost = u64::from(capability)
            .checked_sub(32 * word)
            .and_then(|bit| 1u32.checked_shl(u32::try_from(bit).ok()?))
            .unwrap_or(0);
        bits.effective &= !lost;
        bits.permitted &= !lost;
    }
    // SAFETY: As above.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr()) };
    check(result).map(drop)
}

pub(crate) fn fallocate(fd: &OwnedFd, len: u64) -> io::Result<()> {
    let len =
        libc::off_t::try_from(len).map_err(|_| io::Error::from_raw_os_error(libc::EOVERFLOW))?;
    // SAFETY: No pointers are passed.
    check(unsafe { libc::fallocate(fd.as_raw_fd(), 0, 0, len) }.into()).map(drop)
}

pub(crate) fn finit_module(module: &OwnedFd, arguments: &CStr) -> io::Result<()> {
    // SAFETY: The string ends with NUL; the descriptor is open.
    let result = unsafe {
        libc::syscall(
            libc::SYS_finit_module,
            module.as_raw_fd(),
            arguments.as_ptr(),
            0,
        )
    };
    check(result).map(drop)
}

pub(crate) fn delete_module(name: &CStr) -> io::Result<()> {
    // SAFETY: The string ends with NUL.
    let result = unsafe { libc::syscall(libc::SYS_delete_module, name.as_ptr(), libc::O_NONBLOCK) };
    check(result).map(drop)
}

pub(crate) fn kexec_file_load(
    kernel: &OwnedFd,
    initrd: &OwnedFd,
    cmdline: &CStr,
) -> io::Result<()> {
    // SAFETY: The length covers the string and its NUL, as required.
    let result = unsafe {
        libc::syscall(
            libc::SYS_kexec_file_load,
            kernel.as_raw_fd(),
            initrd.as_raw_fd(),
            cmdline.to_bytes_with_nul().len(),
            cmdline.as_ptr(),
            0,
        )
    };
    check(result).map(drop)
}

/// `KEXEC_PRESERVE_CONTEXT`
const PRESERVE_CONTEXT: libc::c_ulong = 2;

/// The address of that code: memory of every machine in which KHO preserves nothing.
const JUMP_ADDRESS: usize = 0x40_0000;

/// `struct kexec_segment`
#[repr(C)]
struct KexecSegment {
    buf: *const u8,
    bufsz: usize,
    mem: usize,
    memsz: usize,
}

/// Loads code of at most a page, that comes back into this kernel.
pub(crate) fn kexec_load_preserving_context(code: &[u8]) -> io::Result<()> {
    let segment = KexecSegment {
        buf: code.as_ptr(),
        bufsz: code.len(),
        mem: JUMP_ADDRESS,
        memsz: 4096,
    };
    // SAFETY: One segment is passed, which describes `code`; the kernel copies it.
    let result = unsafe {
        libc::syscall(
            libc::SYS_kexec_load,
            JUMP_ADDRESS,
            1,
            &raw const segment,
            PRESERVE_CONTEXT,
        )
    };
    check(result).map(drop)
}

pub(crate) fn reboot(command: libc::c_int) -> io::Result<()> {
    // SAFETY: No pointers are passed.
    check(unsafe { libc::reboot(command) }.into()).map(drop)
}

pub(crate) fn swapon(path: &CStr) -> io::Result<()> {
    // SAFETY: The string ends with NUL.
    check(unsafe { libc::swapon(path.as_ptr(), 0) }.into()).map(drop)
}

/// Makes the heap large enough for a request, and has all memory of this program present, so that
/// the kernel need not be asked for more.
///
/// Only for the first thread: the others have heaps of their own.
pub(crate) fn reserve_memory() -> io::Result<()> {
    const ENOUGH: usize = 1 << 20;
    const NEVER: libc::c_int = 1 << 30;

    // SAFETY: No pointers are passed.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, NEVER);
        libc::mallopt(libc::M_TRIM_THRESHOLD, NEVER);
    }
    // It is written to, so that its pages are there when it is used again.
    std::hint::black_box(vec![1u8; ENOUGH]);
    // SAFETY: As above. Pages that were locked once are present.
    check(unsafe { libc::mlockall(libc::MCL_CURRENT) }.into())?;
    // SAFETY: As above.
    check(unsafe { libc::munlockall() }.into()).map(drop)
}

/// The port of QEMU's `isa-debug-exit`.
const DEBUG_EXIT: u16 = 0xf4;

pub(crate) fn debug_exit(code: u32) -> io::Result<()> {
    // SAFETY: No pointers are passed.
    check(unsafe { libc::ioperm(DEBUG_EXIT.into(), 4, 1) }.into())?;
    // SAFETY: Access was granted above; the instruction does not touch memory.
    unsafe {
        core::arch::asm!(
            "out dx, eax",
            in("dx") DEBUG_EXIT,
            in("eax") code,
            options(nomem, nostack, preserves_flags)
        );
    }
    // The machine has ended, unless it has no such device.
    Err(io::Error::from_raw_os_error(libc::ENODEV))
}

/// Reads the kernel log with its priorities, without consuming it.
pub(crate) fn kernel_log() -> io::Result<Vec<u8>> {
    const READ_ALL: libc::c_int = 3;
    const SIZE_BUFFER: libc::c_int = 10;

    // SAFETY: This action takes no buffer.
    let size = unsafe { libc::klogctl(SIZE_BUFFER, null_mut(), 0) };
    check(size.into())?;
    let mut log = vec![0u8; usize::try_from(size).unwrap_or(0)];
    // SAFETY: The kernel writes at most `size` bytes, the length of the buffer.
    let len = unsafe { libc::klogctl(READ_ALL, log.as_mut_ptr().cast(), size) };
    check(len.into())?;
    log.truncate(usize::try_from(len).unwrap_or(0));
    Ok(log)
}

/// An argument of an ioctl.
///
/// # Safety
///
/// For every request that the type is passed with, the kernel only accesses the type itself, and
/// the bytes that it writes are a valid value.
pub(crate) unsafe trait IoctlArgument {}

pub(crate) fn ioctl<T: IoctlArgument>(
    fd: &OwnedFd,
    request: libc::Ioctl,
    argument: &mut T,
) -> io::Result<()> {
    ioctl_value(fd, request, argument).map(drop)
}

/// An ioctl whose result is a descriptor.
pub(crate) fn ioctl_fd<T: IoctlArgument>(
    fd: &OwnedFd,
    request: libc::Ioctl,
    argument: &mut T,
) -> io::Result<OwnedFd> {
    let result = ioctl_value(fd, request, argument)?;
    // SAFETY: On success the kernel has just installed this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}

fn ioctl_value<T: IoctlArgument>(
    fd: &OwnedFd,
    request: libc::Ioctl,
    argument: &mut T,
) -> io::Result<libc::c_int> {
    // SAFETY: The pointer is to a live `T`, and by the trait the kernel only accesses that.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), request, std::ptr::from_mut(argument)) };
    check(result.into())?;
    Ok(result)
}

/// A shared mapping of a file.
///
/// # Invariants
///
/// `start` is the address of a mapping of `len` readable bytes that lives as long as this value. It
/// is aligned to a page, and the bytes can be written if `writable`.
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
    writable: bool,
}

impl Mapping {
    pub(crate) fn new(fd: &OwnedFd, offset: u64, len: usize) -> io::Result<Self> {
        Self::with(fd, offset, len, false)
    }

    pub(crate) fn writable(fd: &OwnedFd, offset: u64, len: usize) -> io::Result<Self> {
        Self::with(fd, offset, len, true)
    }

    fn with(fd: &OwnedFd, offset: u64, len: usize, writable: bool) -> io::Result<Self> {
        let offset = libc::off_t::try_from(offset)
            .map_err(|_| io::Error::from_raw_os_error(libc::EOVERFLOW))?;
        // SAFETY: A mapping at an address that the kernel chooses does not replace another one.
        let start = unsafe {
            libc::mmap(
                null_mut(),
                len,
                libc::PROT_READ | if writable { libc::PROT_WRITE } else { 0 },
                libc::MAP_SHARED,
                fd.as_raw_fd(),
                offset,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start =
            NonNull::new(start.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::EFAULT))?;
        // INVARIANT: Mapped above, and unmapped only in `drop`.
        Ok(Self {
            start,
            len,
            writable,
        })
    }

    /// Returns the address of the mapping in this process.
    pub(crate) fn address(&self) -> u64 {
        // CAST: an address has 64 bits.
        self.start.as_ptr() as u64
    }

    /// Reclaims the pages, as if memory were short.
    pub(crate) fn page_out(&self) -> io::Result<()> {
        // SAFETY: This is our mapping by the type invariant, and its contents do not change.
        let result =
            unsafe { libc::madvise(self.start.as_ptr().cast(), self.len, libc::MADV_PAGEOUT) };
        check(result.into()).map(drop)
    }

    /// Writes four bytes of the mapping to a file, which fails with `EFAULT` if they cannot be
    /// accessed.
    pub(crate) fn copy(&self, to: &OwnedFd) -> io::Result<()> {
        // SAFETY: The kernel checks the address; the length is within the mapping, which has whole
        // pages.
        let result = unsafe { libc::pwrite(to.as_raw_fd(), self.start.as_ptr().cast(), 4, 0) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Reads a byte.
    pub(crate) fn get(&self, at: usize) -> Option<u8> {
        if at >= self.len {
            return None;
        }
        // SAFETY: Within the mapping by the check and the type invariant. Volatile, because a
        // device or another program may be writing it.
        Some(unsafe { self.start.add(at).read_volatile() })
    }

    /// Returns the address of a register, if it is within the mapping.
    fn register(&self, at: usize) -> Option<NonNull<u32>> {
        let inside = at.checked_add(4).is_some_and(|end| end <= self.len);
        if !inside || !at.is_multiple_of(4) {
            return None;
        }
        // SAFETY: Within the mapping by the check and the type invariant.
        Some(unsafe { self.start.add(at) }.cast())
    }

    /// Reads four bytes in one access, as a device requires.
    pub(crate) fn load(&self, at: usize) -> Option<u32> {
        // SAFETY: `register()` returns an aligned address within the mapping. Volatile, because
        // a device may react to it.
        self.register(at).map(|at| unsafe { at.read_volatile() })
    }

    /// Writes four bytes in one access.
    pub(crate) fn store(&mut self, at: usize, value: u32) -> Option<()> {
        let register = self.register(at).filter(|_| self.writable)?;

        // SAFETY: As above, and by the type invariant it is writable.
        unsafe { register.write_volatile(value) };
        Some(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this is our mapping, and no reference to it is left.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}
