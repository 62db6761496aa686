// SPDX-License-Identifier: GPL-2.0

//! The formats that are chosen on the command line.

use pci_liveupdate_host::logic::{
    Format,
    Formats, //
};

fn parse(names: &str) -> Option<String> {
    Formats::parse(names.as_bytes()).map(|formats| formats.to_string())
}

#[test]
fn names_are_parsed_in_any_order() {
    assert_eq!(parse("pci-v3"), Some("pci-v3".to_owned()));
    assert_eq!(parse("pci"), Some("pci".to_owned()));
    for both in ["pci-v3,pci", "pci,pci-v3", "pci,pci-v3,pci"] {
        assert_eq!(parse(both), Some("pci-v3,pci".to_owned()));
    }
}

#[test]
fn none_and_what_is_not_known_is_refused() {
    for bad in ["", ",", "pci,", "pci-v2", "pci-v3 pci", "PCI", "pci-v3,all"] {
        assert_eq!(parse(bad), None, "{bad}");
    }
}

#[test]
fn formats_are_numbers_and_back() {
    for bits in 1..=3 {
        let formats = Formats::from_bits(bits).expect("at least one format");
        assert_eq!(formats.bits(), bits);
        assert_eq!(parse(&formats.to_string()), Some(formats.to_string()));
    }
    assert_eq!(Formats::from_bits(0), None);
    assert_eq!(Formats::from_bits(4), None);
    assert_eq!(Formats::from_bits(3), Some(Formats::ALL));
}

#[test]
fn each_format_is_in_all() {
    for format in Format::ALL {
        assert!(Formats::ALL.has(format));
    }
    let array = Formats::parse(b"pci-v3").expect("a format");
    assert!(array.has(Format::Array) && !array.has(Format::Blocks));
}
