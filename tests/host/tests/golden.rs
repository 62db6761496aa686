// SPDX-License-Identifier: GPL-2.0

//! The blobs in `abi/golden/` have not changed, and have the meaning that they had.

use pci_liveupdate_host::{
    abi::Key,
    folio::{
        Folio,
        PAGE, //
    },
    golden::{
        sha256,
        Blob,
        Set, //
    },
    image::{
        address,
        Image, //
    },
    logic::Page,
    recorder::outgoing,
    tree::Tree, //
};
use std::{
    collections::BTreeSet,
    fs, //
};
use zerocopy::IntoBytes;

fn blobs() -> impl Iterator<Item = Blob> {
    Set::ALL.into_iter().flat_map(Set::blobs)
}

fn blob(set: Set, name: &str) -> Blob {
    let found = set.blobs().into_iter().find(|blob| blob.name == name);

    found.expect("there is one")
}

fn text_of(blob: &Blob) -> String {
    fs::read_to_string(blob.set.txt(&blob.name)).expect("each blob has its text")
}

#[test]
fn each_blob_is_decoded_as_its_text_says() {
    for blob in blobs() {
        let expected = text_of(&blob);
        let both = [expected.clone(), expected];

        assert_eq!(blob.set.texts(&blob.memory()), both, "{}", blob.name);
    }
}

/// What preserving three devices behind a switch gives.
fn behind_a_switch() -> pci_liveupdate_host::recorder::Core {
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
    core
}

#[test]
fn preserving_three_devices_behind_a_switch_gives_the_blob_of_that_name() {
    let core = behind_a_switch();
    let expected = blob(Set::Array, "switch").memory();

    assert_eq!(core.table().memory().as_bytes(), expected);
}

#[test]
fn the_list_of_three_devices_behind_a_switch_is_the_blob_of_that_name() {
    let core = behind_a_switch();
    let list = core.table().list();
    let image = Image::of(&blob(Set::List, "switch").memory(), 0);
    let (head, expected) = (list.head(), image.head());
    let first = image.page(address(1)).expect("there is a block");

    assert_eq!(head.version, expected.version);
    assert_eq!(head.nr_devices, expected.nr_devices);
    assert_eq!(head.first, list.pages()[0].address());
    assert_eq!((*list.pages()[0]).as_bytes(), first);
}

#[test]
fn no_blob_has_changed() {
    for blob in blobs() {
        let bin = blob.set.bin(&blob.name);
        assert_eq!(sha256(&bin), blob.sha256, "{}", blob.name);
    }
}

#[test]
fn each_manifest_lists_each_blob_once_and_there_are_no_other_files() {
    let others = ["README.md", "pci", "both", "identity"].map(|name| Set::Array.dir().join(name));

    for set in Set::ALL {
        let blobs = set.blobs();
        let names = blobs
            .iter()
            .flat_map(|b| [set.bin(&b.name), set.txt(&b.name)]);
        let mut listed: BTreeSet<_> = names.collect();

        assert_eq!(listed.len(), 2 * blobs.len(), "no name twice");
        listed.insert(set.manifest());
        if set == Set::Array {
            listed.extend(others.clone());
        }
        let entries = fs::read_dir(set.dir()).expect("there is a folder");
        let there: BTreeSet<_> = entries.map(|e| e.expect("it can be read").path()).collect();
        assert_eq!(there, listed);
    }
}

#[test]
fn each_line_of_the_manifest_ends_with_a_sentence() {
    for blob in blobs() {
        assert!(blob.sentence.ends_with('.'), "{}", blob.name);
        assert_eq!(Blob::parse(blob.set, &blob.to_string()), blob);
    }
}

/// The beginning of each reason, or what is in each text of a kind.
const KINDS: [(Set, &[&str]); 4] = [
    (
        Set::Array,
        &[
            "max_nr_devices 511\nnr_devices 511\n",
            "refused at offset 0: expected max_nr_devices <= ",
            "refused at offset 4: expected nr_devices <= ",
            "refused at offset 4: expected nr_devices = ",
            " again\n",
        ],
    ),
    (
        Set::List,
        &[
            "version 1\n",
            "block 0 count 510\nblock 1 count 1\n",
            "refused at offset 0: expected version 1 or 2, found ",
            "refused at offset 4: expected nr_devices = ",
            "refused at block 0: expected memory preserved by KHO, found none\n",
            "refused at block 1: expected memory preserved by KHO, found none\n",
            "expected each block once, found block 0 again\n",
            "refused at offset 8 of block 0: expected 1 to 510 entries, found 0\n",
            "expected 1 to 510 entries, found 511\n",
            "expected a count of 0 or 1 in version 1, found 2\n",
            "expected each function once, found ",
        ],
    ),
    (
        Set::Both,
        &[
            "same\n",
            "found 1 in pci-v3 and 2 in pci\n",
            "found 1 in pci-v3 and no entry in pci\n",
            "found no entry in pci-v3 and 1 in pci\n",
            "refused at offset 4: expected nr_devices = ",
        ],
    ),
    (
        Set::Record,
        &[
            "max_nr 127\nnr 127\n",
            "dma 0 ari 0 acs none\n",
            "dma 1 ari 0 acs none\n",
            "dma 0 ari 1 acs none\n",
            "dma 0 ari 0 acs 0x001d\n",
            "refused at offset 0: expected max_nr <= ",
            "refused at offset 4: expected nr = ",
            "refused at offset 8: expected known flags and zeros, found others\n",
            "refused at offset 4040: expected known flags and zeros, found others\n",
            "refused at offset 4040: expected each function once, found ",
        ],
    ),
];

#[test]
fn there_are_blobs_of_every_kind() {
    for (set, kinds) in KINDS {
        let texts: Vec<_> = set.blobs().iter().map(text_of).collect();

        for kind in kinds {
            assert!(texts.iter().any(|text| text.contains(kind)), "{kind}");
        }
    }
    assert!(Set::Array.blobs().len() >= 30);
}
