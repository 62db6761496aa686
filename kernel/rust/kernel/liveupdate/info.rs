// SPDX-License-Identifier: GPL-2.0

//! What a module states in `.modinfo` about the files that it preserves.
//!
//! A file whose handler is missing in the next kernel cannot be finished there, so tools look for
//! the handlers before the kernel is booted: in `modules.builtin.modinfo`, in the image, and in
//! modules.

/// The length of a record.
#[doc(hidden)]
pub const fn record_len(parts: &[&[u8]]) -> usize {
    let mut len = 0;
    let mut part = 0;

    while part < parts.len() {
        len += parts[part].len();
        part += 1;
    }
    len
}

/// Joins the parts of a record, which have `N` bytes.
///
/// Evaluated at build time, where another `N` is an error.
#[doc(hidden)]
pub const fn record<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut bytes = [0; N];
    let mut len = 0;
    let mut part = 0;

    while part < parts.len() {
        let mut i = 0;
        while i < parts[part].len() {
            bytes[len] = parts[part][i];
            len += 1;
            i += 1;
        }
        part += 1;
    }
    assert!(len == N);
    bytes
}

/// States in `.modinfo` that the module has a handler of this name.
///
/// To be used in the root of the crate, as the name of the module is taken from there.
/// [`rust_driver_pci_liveupdate.rs`] is an example.
///
/// [`rust_driver_pci_liveupdate.rs`]: srctree/samples/rust/rust_driver_pci_liveupdate.rs
#[macro_export]
macro_rules! liveupdate_file_info {
    ($compatible:expr) => {
        const _: () = {
            const MODULE: &str = if cfg!(MODULE) {
                ""
            } else {
                concat!(module_path!(), ".")
            };
            const PARTS: &[&[u8]] = &[
                MODULE.as_bytes(),
                b"liveupdate_file=",
                $compatible.to_bytes_with_nul(),
            ];

            #[link_section = ".modinfo"]
            #[used(compiler)]
            static RECORD: [u8; $crate::liveupdate::info::record_len(PARTS)] =
                $crate::liveupdate::info::record(PARTS);
        };
    };
}
