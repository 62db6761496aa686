// SPDX-License-Identifier: GPL-2.0

//! The greeting that an agent sends when it starts: which kernel this is, and how it was booted.
//!
//! The proof of a handover is read from structures of the kernel, because a kernel that lost the
//! handover boots as usual.

use std::fs;

use crate::wire::Word; //

/// What KHO got from the previous kernel: `struct kho_kexec_metadata`.
const METADATA_IN: &str = "/sys/kernel/debug/kho/in/sub_fdts/kexec-metadata";
const METADATA_RELEASE: std::ops::Range<usize> = 4..69;
const METADATA_COUNT: std::ops::Range<usize> = 69..73;

/// What LUO prepares for the next kernel: `struct luo_ser`. The incoming one cannot be used, since
/// LUO has freed its memory.
const LUO_OUT: &str = "/sys/kernel/debug/kho/out/sub_fdts/LUO";
const LUO_NUMBER: std::ops::Range<usize> = 8..16;

fn trimmed(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|_| "-".into(), |text| text.trim().into())
}

fn field(blob: &[u8], range: std::ops::Range<usize>) -> Option<u64> {
    let bytes = blob.get(range)?;
    let mut value = [0u8; 8];
    value.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(u64::from_le_bytes(value))
}

/// The number of handovers so far according to KHO, and the release of the previous kernel.
fn handover() -> Option<(u64, String)> {
    let blob = fs::read(METADATA_IN).ok()?;
    let count = field(&blob, METADATA_COUNT)?;
    let release = blob
        .get(METADATA_RELEASE)?
        .split(|&byte| byte == 0)
        .next()?;
    Some((count, String::from_utf8_lossy(release).into_owned()))
}

/// The live update number of this kernel. LUO numbers the next update, which is one more.
fn live_updates() -> Option<u64> {
    field(&fs::read(LUO_OUT).ok()?, LUO_NUMBER)?.checked_sub(1)
}

/// `hello KEY=VALUE...`; the value `-` means that there is none.
pub(crate) fn line() -> Vec<Word> {
    let absent = || String::from("-");
    let (count, from) = handover().map_or((absent(), absent()), |(n, from)| (n.to_string(), from));
    let facts = [
        ("boot_id", trimmed("/proc/sys/kernel/random/boot_id")),
        ("release", trimmed("/proc/sys/kernel/osrelease")),
        ("uptime", trimmed("/proc/uptime")),
        ("kexecs", count),
        ("exec_from", from),
        (
            "live_updates",
            live_updates().map_or_else(absent, |n| n.to_string()),
        ),
    ];

    let mut words = vec![Word::from(*b"hello")];
    words.extend(
        facts
            .iter()
            .map(|(key, value)| format!("{key}={value}").into_bytes()),
    );
    words
}
