// SPDX-License-Identifier: GPL-2.0

//! What is handed over about a file of VFIO PCI, byte for byte.

use pci_liveupdate_host::vfio_pci::{
    FileSer,
    Location,
    Unreadable, //
};
use zerocopy::{
    FromBytes,
    IntoBytes, //
};

/// The bytes that a kernel writes about a device, and its name.
const GOLDEN: [(Location, [u8; 12], &str); 4] = [
    (
        Location { domain: 0, bdf: 0 },
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        "0000:00:00.0",
    ),
    (
        Location {
            domain: 0,
            bdf: 0x0420,
        },
        [1, 0, 0, 0, 0, 0, 0, 0, 0x20, 0x04, 0, 0],
        "0000:04:04.0",
    ),
    (
        Location {
            domain: 0x10000,
            bdf: 0x8001,
        },
        [1, 0, 0, 0, 0, 0, 1, 0, 0x01, 0x80, 0, 0],
        "10000:80:00.1",
    ),
    (
        Location {
            domain: u32::MAX,
            bdf: u16::MAX,
        },
        [1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0],
        "ffffffff:ff:1f.7",
    ),
];

/// Reads the first bytes with one of them changed.
fn read_with(at: usize, value: u8) -> Result<Location, Unreadable> {
    let mut bytes = GOLDEN[0].1;

    bytes[at] = value;
    FileSer::read_from_bytes(&bytes)
        .expect("the length is right")
        .location()
}

#[test]
fn each_location_is_written_and_read_as_these_bytes() {
    for (location, bytes, name) in GOLDEN {
        let read = FileSer::read_from_bytes(&bytes).expect("the length is right");

        assert_eq!(FileSer::new(location).as_bytes(), bytes);
        assert_eq!(read.location(), Ok(location));
        assert_eq!(location.to_string(), name);
    }
}

#[test]
fn another_length_is_no_file() {
    let bytes = [1; 13];

    assert!(FileSer::read_from_bytes(&bytes[..11]).is_err());
    assert!(FileSer::read_from_bytes(&bytes).is_err());
}

#[test]
fn every_other_version_is_refused() {
    for value in (0..=u8::MAX).filter(|&value| value != 1) {
        let refused = Unreadable::Version(value.into());

        assert_eq!(read_with(0, value), Err(refused));
        assert!(refused.to_string().ends_with(", expected 1"));
    }
    for at in 1..4 {
        assert_eq!(
            read_with(at, 1),
            Err(Unreadable::Version(1 | 1 << (8 * at)))
        );
    }
}

#[test]
fn what_is_reserved_must_be_zero() {
    for (at, found) in [(10, 0x01), (11, 0x0100)] {
        let refused = Unreadable::Reserved(found);

        assert_eq!(read_with(at, 1), Err(refused));
        assert_eq!(
            refused.to_string(),
            format!("with {found:#x} where 0 is expected")
        );
    }
}
