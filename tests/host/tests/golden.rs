// SPDX-License-Identifier: GPL-2.0

//! The blobs in `abi/golden/` have not changed, and have the meaning that they had.

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
    recorder::outgoing,
    text,
    tree::Tree, //
};
use std::{
    collections::BTreeSet,
    fs, //
};

fn text_of(blob: &Blob) -> String {
    fs::read_to_string(txt(&blob.name)).expect("each blob has its text")
}

#[test]
fn each_blob_is_decoded_as_its_text_says() {
    for blob in blobs() {
        let folio = blob.folio();

        assert_eq!(text::of(&folio), text_of(&blob), "{}", blob.name);
        assert_eq!(text::naive(&folio), text_of(&blob), "{}", blob.name);
    }
}

#[test]
fn preserving_three_devices_behind_a_switch_gives_the_blob_of_that_name() {
    let mut tree = Tree::default();
    let key = |bdf| Key::new(0, bdf);
    let root = tree.add(key(0x0010), true, None);
    let upstream = tree.add(key(0x0200), true, Some(root));
    let ports = [0x0308, 0x0310].map(|bdf| tree.add(key(bdf), true, Some(upstream)));
    let devices = [(0x0400, 0), (0x0500, 1), (0x0501, 1)]
        .map(|(bdf, port)| tree.add(key(bdf), false, Some(ports[port])));

    let mut core = outgoing(Folio::new(PAGE, &[0xff; PAGE]));
    for device in devices {
        assert_eq!(core.preserve(tree.node(device)), Ok(()));
    }

    let blobs = blobs();
    let blob = blobs.iter().find(|blob| blob.name == "switch");
    assert_eq!(Some(core.table().memory()), blob.map(Blob::folio).as_ref());
}

#[test]
fn no_blob_has_changed() {
    for blob in blobs() {
        assert_eq!(sha256(&bin(&blob.name)), blob.sha256, "{}", blob.name);
    }
}

#[test]
fn the_manifest_lists_each_blob_once_and_there_are_no_other_files() {
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
    let texts: Vec<_> = blobs().iter().map(text_of).collect();

    assert!(texts.len() >= 30);
    for kind in kinds {
        assert!(texts.iter().any(|text| text.contains(kind)), "{kind}");
    }
}
