// SPDX-License-Identifier: GPL-2.0

//! Reads the blobs in `abi/golden/`. See the README there.

use crate::{
    folio::{
        Folio,
        PAGE, //
    },
    image::Image,
    record,
    text, //
};
use std::{
    fmt,
    fs,
    path::{
        Path,
        PathBuf, //
    },
    process::Command, //
};

/// What the blobs of a directory hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// An array, `pci-v3`.
    Array,
    /// An image with a list of blocks, `pci`, whose head is in the first page.
    List,
    /// An image with an array in the first page, and the head of a list in the second one.
    Both,
    /// A record of what the functions are, `pci-identity-v1`.
    Record,
}

impl Set {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Array, Self::List, Self::Both, Self::Record];

    /// The directory of the blobs.
    pub fn dir(self) -> PathBuf {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../abi/golden");

        match self {
            Self::Array => golden,
            Self::List => golden.join("pci"),
            Self::Both => golden.join("both"),
            Self::Record => golden.join("identity"),
        }
    }

    /// The list of the blobs.
    pub fn manifest(self) -> PathBuf {
        self.dir().join("MANIFEST")
    }

    /// The file with the bytes of a blob, without the zeros at the end.
    pub fn bin(self, name: &str) -> PathBuf {
        self.dir().join(name).with_extension("bin")
    }

    /// The file with the meaning of a blob.
    pub fn txt(self, name: &str) -> PathBuf {
        self.dir().join(name).with_extension("txt")
    }

    /// All lines of the manifest.
    ///
    /// # Panics
    ///
    /// If it cannot be read or has a malformed line.
    pub fn blobs(self) -> Vec<Blob> {
        let text = fs::read_to_string(self.manifest()).expect("there is a manifest");

        text.lines().map(|line| Blob::parse(self, line)).collect()
    }

    /// The meaning of memory, as the core and as the naive reader see it.
    pub fn texts(self, bytes: &[u8]) -> [String; 2] {
        match self {
            Self::Array => {
                let folio = Folio::new(bytes.len(), bytes);
                [text::of(&folio), text::naive(&folio)]
            }
            Self::List => {
                let image = Image::of(bytes, 0);
                [text::of_list(&image), text::naive_list(&image)]
            }
            Self::Both => {
                let image = Image::of(bytes, 1);
                [text::of_both(&image), text::naive_both(&image)]
            }
            Self::Record => {
                let folio = Folio::new(bytes.len(), bytes);
                [record::text::of(&folio), record::text::naive(&folio)]
            }
        }
    }

    /// Whether a blob can be of that size.
    fn fits(self, size: usize) -> bool {
        match self {
            Self::Array | Self::Record => is_folio(size),
            Self::List | Self::Both => size.is_multiple_of(PAGE),
        }
    }
}

/// A line of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The directory that it is in.
    pub set: Set,
    /// The name of its files.
    pub name: String,
    /// The size of the memory that is handed over.
    pub size: usize,
    /// The hash of the file with its bytes, in hexadecimal digits.
    pub sha256: String,
    /// What it tests.
    pub sentence: String,
}

impl Blob {
    /// Parses a line.
    ///
    /// # Panics
    ///
    /// If it is malformed.
    pub fn parse(set: Set, line: &str) -> Self {
        let fields: Vec<_> = line.splitn(4, ' ').collect();
        let [sha256, size, name, sentence] = fields[..] else {
            panic!("expected SHA256 SIZE NAME SENTENCE, found {line:?}");
        };

        Self {
            set,
            name: name.to_owned(),
            size: size.parse().expect("the size is a number"),
            sha256: sha256.to_owned(),
            sentence: sentence.to_owned(),
        }
    }

    /// All bytes, up to its full size.
    ///
    /// # Panics
    ///
    /// If there is no such file, or if it does not fit.
    pub fn memory(&self) -> Vec<u8> {
        let bin = self.set.bin(&self.name);
        let mut bytes = fs::read(bin).expect("each blob has its bytes");

        assert!(bytes.len() <= self.size, "{} fits its memory", self.name);
        assert!(self.set.fits(self.size), "{} is in whole pages", self.name);
        bytes.resize(self.size, 0);
        bytes
    }
}

impl fmt::Display for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            size,
            sha256,
            sentence,
            ..
        } = self;

        write!(f, "{sha256} {size} {name} {sentence}")
    }
}

/// Whether memory of this size can come from KHO: a power of two in pages.
pub fn is_folio(size: usize) -> bool {
    size >= PAGE && size.is_power_of_two()
}

/// The hash of a file, in hexadecimal digits.
///
/// # Panics
///
/// If `sha256sum` fails.
pub fn sha256(file: &Path) -> String {
    let output = Command::new("sha256sum").arg(file).output();
    let output = output.expect("sha256sum runs");
    let text = String::from_utf8(output.stdout).expect("sha256sum prints text");

    assert!(output.status.success(), "sha256sum reads {file:?}");
    text.split(' ').next().unwrap_or_default().to_owned()
}
