// SPDX-License-Identifier: GPL-2.0

//! Reads the blobs in `abi/golden/`. See the README there.

use crate::folio::{
    Folio,
    PAGE, //
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

/// The directory of the blobs.
pub fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../abi/golden")
}

/// The list of the blobs.
pub fn manifest() -> PathBuf {
    dir().join("MANIFEST")
}

/// The file with the bytes of a blob, without the zeros at the end.
pub fn bin(name: &str) -> PathBuf {
    dir().join(name).with_extension("bin")
}

/// The file with the meaning of a blob.
pub fn txt(name: &str) -> PathBuf {
    dir().join(name).with_extension("txt")
}

/// A line of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The name of its files.
    pub name: String,
    /// The size of the memory that the block is in.
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
    pub fn parse(line: &str) -> Self {
        let fields: Vec<_> = line.splitn(4, ' ').collect();
        let [sha256, size, name, sentence] = fields[..] else {
            panic!("expected SHA256 SIZE NAME SENTENCE, found {line:?}");
        };

        Self {
            name: name.to_owned(),
            size: size.parse().expect("the size is a number"),
            sha256: sha256.to_owned(),
            sentence: sentence.to_owned(),
        }
    }

    /// The block in memory of its full size.
    pub fn folio(&self) -> Folio {
        let bytes = fs::read(bin(&self.name)).expect("each blob has its bytes");

        assert!(bytes.len() <= self.size, "{} fits its folio", self.name);
        assert!(is_folio(self.size), "{} is a whole folio", self.name);
        Folio::new(self.size, &bytes)
    }
}

impl fmt::Display for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            size,
            sha256,
            sentence,
        } = self;

        write!(f, "{sha256} {size} {name} {sentence}")
    }
}

/// All lines of the manifest.
///
/// # Panics
///
/// If it cannot be read or has a malformed line.
pub fn blobs() -> Vec<Blob> {
    let text = fs::read_to_string(manifest()).expect("there is a manifest");

    text.lines().map(Blob::parse).collect()
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
