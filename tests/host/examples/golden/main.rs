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
mod refused;

use pci_liveupdate_host::{
    block::Block,
    golden::{
        self,
        Blob, //
    },
    text,
};
use std::{
    collections::HashMap,
    fmt::Display,
    fs,
    io::Write,
    process::ExitCode, //
};

/// A blob that is to be made.
struct Recipe {
    name: &'static str,
    block: Block,
    sentence: &'static str,
}

fn recipe(name: &'static str, block: Block, sentence: &'static str) -> Recipe {
    Recipe {
        name,
        block,
        sentence,
    }
}

/// The bytes that are stored, without the zeros at the end.
fn trimmed(block: &Block) -> &[u8] {
    let bytes = block.bytes();
    let end = bytes.iter().rposition(|&byte| byte != 0);

    &bytes[..end.map_or(0, |last| last + 1)]
}

fn failed(name: &str, error: impl Display) -> String {
    format!("{name}: {error}")
}

/// Makes a blob that does not exist yet, and returns its line in the manifest.
fn make(recipe: &Recipe) -> Result<Blob, String> {
    let name = recipe.name;
    let folio = recipe.block.folio();
    let text = text::of(&folio);

    if text != text::naive(&folio) {
        return Err(failed(name, "the core and the naive reader do not agree"));
    }
    // `create_new` is what refuses to overwrite.
    let write = |path, bytes: &[u8]| {
        let file = fs::File::create_new(path);
        file.and_then(|mut file| file.write_all(bytes))
            .map_err(|error| failed(name, error))
    };
    write(golden::bin(name), trimmed(&recipe.block))?;
    write(golden::txt(name), text.as_bytes())?;

    Ok(Blob {
        name: name.to_owned(),
        size: recipe.block.bytes().len(),
        sha256: golden::sha256(&golden::bin(name)),
        sentence: recipe.sentence.to_owned(),
    })
}

fn run() -> Result<(), String> {
    let mut manifest = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(golden::manifest())
        .map_err(|error| failed("MANIFEST", error))?;
    let known: HashMap<_, _> = golden::blobs()
        .into_iter()
        .map(|blob| (blob.name.clone(), blob))
        .collect();

    for recipe in accepted::recipes().into_iter().chain(refused::recipes()) {
        match known.get(recipe.name) {
            Some(blob) if blob.folio() == recipe.block.folio() => (),
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
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            eprintln!("golden: {line}");
            ExitCode::FAILURE
        }
    }
}
