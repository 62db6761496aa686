// SPDX-License-Identifier: GPL-2.0

//! The C headers and the Rust types state the same layout.

use pci_liveupdate_host::abi::{
    blocks::{
        self,
        Block,
        Head, //
    },
    identity::{
        self,
        Identity,
        Record, //
    },
    DevSer,
    Ser,
    COMPATIBLE, //
};
use pci_liveupdate_host::vfio_pci::{
    self,
    FileSer,
    Location, //
};
use std::{
    env,
    mem::{
        offset_of,
        size_of,
        size_of_val, //
    },
    path::{
        Path,
        PathBuf, //
    },
    process::Command,
};
use zerocopy::{
    FromBytes,
    IntoBytes, //
};

/// The layout of the Rust types, in the format of `c/layout.c`.
fn rust_layout() -> String {
    let compatible = COMPATIBLE.to_str().expect("the name is ASCII");
    let dev = |name, offset, size| format!("pci_dev_ser.{name} offset {offset} size {size}");
    let ser = |name, offset, size| format!("pci_ser.{name} offset {offset} size {size}");
    let stride = Ser::offset_of(1) - Ser::offset_of(0);

    let lines = [
        format!("compatible {compatible}"),
        format!("pci_dev_ser size {}", size_of::<DevSer>()),
        dev("domain", offset_of!(DevSer, domain), size_of::<u32>()),
        dev("bdf", offset_of!(DevSer, bdf), size_of::<u16>()),
        dev("refcount", offset_of!(DevSer, refcount), size_of::<u16>()),
        format!("pci_ser size {}", Ser::HEADER),
        ser(
            "max_nr_devices",
            offset_of!(Ser, max_nr_devices),
            size_of::<u32>(),
        ),
        ser("nr_devices", offset_of!(Ser, nr_devices), size_of::<u32>()),
        format!(
            "pci_ser.devices offset {} stride {stride}",
            Ser::offset_of(0)
        ),
    ];
    lines.join("\n") + "\n"
}

/// The layout of the list of blocks, in the same format.
fn rust_list_layout() -> String {
    let compatible = blocks::COMPATIBLE.to_str().expect("the name is ASCII");
    let (old, new) = (blocks::VERSION_WITHOUT_BRIDGES, blocks::VERSION);
    let head = |name, offset, size| format!("pci_blocks_ser.{name} offset {offset} size {size}");
    let block = |name, offset| format!("pci_block_ser.{name} offset {offset}");
    let u64_field = |name, offset| format!("{} size {}", block(name, offset), size_of::<u64>());

    let lines = [
        format!("compatible {compatible}"),
        format!("versions {old} {new}"),
        format!("pci_blocks_ser size {}", size_of::<Head>()),
        head("version", offset_of!(Head, version), size_of::<u32>()),
        head("nr_devices", offset_of!(Head, nr_devices), size_of::<u32>()),
        head("first", offset_of!(Head, first), size_of::<u64>()),
        u64_field("header.next", offset_of!(Block, next)),
        u64_field("header.count", offset_of!(Block, count)),
        format!(
            "{} stride {} number {}",
            block("devices", offset_of!(Block, devices)),
            size_of::<DevSer>(),
            blocks::ENTRIES
        ),
    ];
    lines.join("\n") + "\n"
}

/// A line for each of the fields of `$value`, which is a `$type`.
macro_rules! fields {
    ($name:literal, $type:ident, $value:expr, $($field:ident),+ $(,)?) => {
        vec![$(format!(
            "{}.{} offset {} size {}",
            $name,
            stringify!($field),
            offset_of!($type, $field),
            size_of_val(&$value.$field)
        )),+]
    };
}

/// The layout of an entry of the record, in the same format.
fn rust_identity_layout() -> Vec<String> {
    let entry = Identity::default();

    fields!(
        "pci_identity",
        Identity,
        entry,
        domain,
        bdf,
        flags,
        header_type,
        vendor,
        device,
        subsystem_vendor,
        subsystem,
        class_revision,
        acs_ctrl,
        buses,
        reserved,
    )
}

/// The layout of the record, in the same format.
fn rust_record_layout() -> String {
    let compatible = identity::COMPATIBLE.to_str().expect("the name is ASCII");
    let flags = [Identity::USED, Identity::DMA, Identity::ACS, Identity::ARI];
    let header = [0u32; 2];
    let record = Record::ref_from_bytes(header.as_bytes()).expect("it is a header");
    let (first, second) = (Record::offset_of(0), Record::offset_of(1));

    let lines = [
        vec![
            format!("compatible {compatible}"),
            format!("flags {}", flags.map(|flag| flag.to_string()).join(" ")),
            format!("pci_identity size {}", size_of::<Identity>()),
        ],
        rust_identity_layout(),
        vec![format!("pci_identity_ser size {}", Record::HEADER)],
        fields!("pci_identity_ser", Record, record, max_nr, nr),
        vec![format!(
            "pci_identity_ser.entries offset {first} stride {}",
            second - first
        )],
    ];
    lines.concat().join("\n") + "\n"
}

/// The layout of a file of VFIO PCI, in the same format.
fn rust_vfio_pci_layout() -> String {
    let compatible = vfio_pci::COMPATIBLE.to_str().expect("the name is ASCII");
    let ser = FileSer::new(Location { domain: 0, bdf: 0 });

    let lines = [
        vec![
            format!("compatible {compatible}"),
            format!("version {}", vfio_pci::VERSION),
            format!("vfio_pci_file_ser size {}", size_of::<FileSer>()),
        ],
        fields!(
            "vfio_pci_file_ser",
            FileSer,
            ser,
            version,
            domain,
            bdf,
            reserved
        ),
    ];
    lines.concat().join("\n") + "\n"
}

/// Compiles `c/layout.c` against the headers, and returns the program.
fn compile() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("layout");
    let compiler = env::var("CC").unwrap_or("cc".to_owned());

    let status = Command::new(compiler)
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-I"])
        .arg(here.join("c"))
        .arg("-I")
        .arg(here.join("../../kernel/include"))
        .arg(here.join("c/layout.c"))
        .arg("-o")
        .arg(&program)
        .status()
        .expect("there is a C compiler");
    assert!(status.success(), "the headers compile");
    program
}

#[test]
fn a_c_compiler_and_the_rust_types_agree_on_every_offset_size_and_name() {
    let output = Command::new(compile()).output().expect("the program runs");
    let c_layout = String::from_utf8(output.stdout).expect("it prints text");

    assert!(output.status.success());
    let layouts = [
        rust_layout(),
        rust_list_layout(),
        rust_record_layout(),
        rust_vfio_pci_layout(),
    ];
    assert_eq!(c_layout, layouts.concat());
}
