// SPDX-License-Identifier: GPL-2.0

//! The line that a fresh agent sends unasked: which kernel this is, and how it came to life.
//!
//! The proof of a handover is taken here from the kernel's own structures, because a kernel that
//! lost it boots on as if nothing had happened.

use std::fs;

use crate::wire::Word; //

/// What KHO got from the kernel before us: `struct kho_kexec_metadata`.
const METADATA_IN: &str = "/sys/kernel/debug/kho/in/sub_fdts/kexec-metadata";
const METADATA_RELEASE: std::ops::Range<usize> = 4..69;
const METADATA_COUNT: std::ops::Range<usize> = 69..73;

/// What LUO prepares for the kernel after us: `struct luo_ser`. The incoming one is of no use, LUO
/// has given its memory back by now and a read of it would be a use after free.
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

/// How often KHO says that this machine jumped, and from which release.
fn handover() -> Option<(u64, String)> {
    let blob = fs::read(METADATA_IN).ok()?;
    let count = field(&blob, METADATA_COUNT)?;
    let release = blob
        .get(METADATA_RELEASE)?
        .split(|&byte| byte == 0)
        .next()?;
    Some((count, String::from_utf8_lossy(release).into_owned()))
}

/// The live update number of this kernel: LUO numbers the next update, which is one more.
fn live_updates() -> Option<u64> {
    field(&fs::read(LUO_OUT).ok()?, LUO_NUMBER)?.checked_sub(1)
}

/// `hello KEY=VALUE...`; an absent fact has the value `-`.
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
