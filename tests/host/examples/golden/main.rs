// SPDX-License-Identifier: GPL-2.0

//! Makes the blobs in `abi/golden/` that do not exist yet, from one recipe each.
//!
//! Existing blobs are never changed: kernels that write such blocks are in use. A recipe that does
//! not give the blob of its name is an error.
//!
//! ```sh
//! cargo run --example golden
//! ```

mod accepted;
mod both;
mod list;
mod record;
mod refused;

use pci_liveupdate_host::{
    block::Block,
    golden::{
        self,
        Blob,
        Set, //
    },
};
use std::{
    collections::HashMap,
    fmt::Display,
    fs,
    io::Write,
    process::ExitCode, //
};

/// A blob that is to be made.
#[derive(Clone)]
struct Recipe {
    set: Set,
    name: &'static str,
    bytes: Vec<u8>,
    sentence: &'static str,
}

fn recipe(name: &'static str, block: Block, sentence: &'static str) -> Recipe {
    Recipe {
        set: Set::Array,
        name,
        bytes: block.bytes().to_vec(),
        sentence,
    }
}

/// The bytes that are stored, without the zeros at the end.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&byte| byte != 0);

    &bytes[..end.map_or(0, |last| last + 1)]
}

fn failed(name: &str, error: impl Display) -> String {
    format!("{name}: {error}")
}

/// Makes a blob that does not exist yet, and returns its line in the manifest.
fn make(recipe: &Recipe) -> Result<Blob, String> {
    let (set, name) = (recipe.set, recipe.name);
    let [text, naive] = set.texts(&recipe.bytes);

    if text != naive {
        return Err(failed(name, "the core and the naive reader do not agree"));
    }
    // `create_new` is what refuses to overwrite.
    let write = |path, bytes: &[u8]| {
        let file = fs::File::create_new(path);
        file.and_then(|mut file| file.write_all(bytes))
            .map_err(|error| failed(name, error))
    };
    write(set.bin(name), trimmed(&recipe.bytes))?;
    write(set.txt(name), text.as_bytes())?;

    Ok(Blob {
        set,
        name: name.to_owned(),
        size: recipe.bytes.len(),
        sha256: golden::sha256(&set.bin(name)),
        sentence: recipe.sentence.to_owned(),
    })
}

fn recipes(set: Set) -> Vec<Recipe> {
    match set {
        Set::Array => [accepted::recipes(), refused::recipes()].concat(),
        Set::List => list::recipes(),
        Set::Both => both::recipes(),
        Set::Record => record::recipes(),
    }
}

fn run(set: Set) -> Result<(), String> {
    let mut manifest = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(set.manifest())
        .map_err(|error| failed("MANIFEST", error))?;
    let known: HashMap<_, _> = set
        .blobs()
        .into_iter()
        .map(|blob| (blob.name.clone(), blob))
        .collect();

    for recipe in recipes(set) {
        match known.get(recipe.name) {
            Some(blob) if blob.memory() == recipe.bytes => (),
            Some(_) => return Err(failed(recipe.name, "would be overwritten")),
            None => {
                let blob = make(&recipe)?;
                writeln!(manifest, "{blob}").map_err(|error| failed("MANIFEST", error))?;
                println!("{}: made", blob.name);
            }
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match Set::ALL.into_iter().try_for_each(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            eprintln!("golden: {line}");
            ExitCode::FAILURE
        }
    }
}
