// SPDX-License-Identifier: GPL-2.0

//! The blobs in `abi/golden/` are what they were, and still mean what they meant.

use pci_liveupdate_host::{
    abi::Key,
    folio::{
        Folio,
        PAGE, //
    },
    golden::{
        bin,
        blobs,
        dir,
        sha256,
        txt,
        Blob, //
    },
    logic::{
        Function,
        Path, //
    },
    map::Map,
    pair::Core,
    text,
};
use std::{
    collections::BTreeSet,
    fs, //
};

fn said(blob: &Blob) -> String {
    fs::read_to_string(txt(&blob.name)).expect("each blob has its text")
}

#[test]
fn each_blob_means_what_its_text_says() {
    for blob in blobs() {
        let folio = blob.folio();

        assert_eq!(text::of(&folio), said(&blob), "{}", blob.name);
        assert_eq!(text::naive(&folio), said(&blob), "{}", blob.name);
    }
}

#[test]
fn preserving_three_devices_behind_a_switch_gives_the_blob_of_that_name() {
    let function = |bdf: u16, bridge| Function {
        key: Key::new(0, bdf),
        bridge,
    };
    let mut core = Core::new(Folio::new(PAGE, &[0xff; PAGE]), Map::default());

    for (device, port) in [(0x0400, 0x0308), (0x0500, 0x0310), (0x0501, 0x0310)] {
        let path = Path {
            device: function(device, false),
            above: [port, 0x0200, 0x0010]
                .map(|bdf| function(bdf, true))
                .into_iter(),
        };
        assert_eq!(core.preserve(&path), Ok(()));
    }

    let blobs = blobs();
    let blob = blobs.iter().find(|blob| blob.name == "switch");
    assert_eq!(Some(core.into_ser()), blob.map(Blob::folio));
}

#[test]
fn no_blob_has_changed() {
    for blob in blobs() {
        assert_eq!(sha256(&bin(&blob.name)), blob.sha256, "{}", blob.name);
    }
}

#[test]
fn the_manifest_lists_each_blob_once_and_nothing_else_is_there() {
    let blobs = blobs();
    let names = blobs.iter().flat_map(|b| [bin(&b.name), txt(&b.name)]);
    let mut listed: BTreeSet<_> = names.collect();

    assert_eq!(listed.len(), 2 * blobs.len(), "no name twice");
    listed.extend(["MANIFEST", "README.md"].map(|name| dir().join(name)));
    let entries = fs::read_dir(dir()).expect("there is a folder");
    let there: BTreeSet<_> = entries.map(|e| e.expect("it can be read").path()).collect();
    assert_eq!(there, listed);
}

#[test]
fn each_line_of_the_manifest_ends_with_a_sentence() {
    for blob in blobs() {
        assert!(blob.sentence.ends_with('.'), "{}", blob.name);
        assert_eq!(Blob::parse(&blob.to_string()), blob);
    }
}

#[test]
fn there_are_blobs_of_every_kind() {
    let kinds = [
        "max_nr_devices 511\nnr_devices 511\n",
        "refused at offset 0: expected max_nr_devices <= ",
        "refused at offset 4: expected nr_devices <= ",
        "refused at offset 4: expected nr_devices = ",
        " again\n",
    ];
    let texts: Vec<_> = blobs().iter().map(said).collect();

    assert!(texts.len() >= 30);
    for kind in kinds {
        assert!(texts.iter().any(|text| text.contains(kind)), "{kind}");
    }
}
