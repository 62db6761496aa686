// SPDX-License-Identifier: GPL-2.0

//! Says how the blobs in `abi/golden/` were made, and makes those that are not there yet.
//!
//! What is there stays as it is: kernels that wrote such blocks are out in the world. A recipe that
//! no longer gives what is checked in ends the run.
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

/// How a blob is made.
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

/// The bytes that are stored: without the zeros at the end.
fn trimmed(block: &Block) -> &[u8] {
    let bytes = block.bytes();
    let end = bytes.iter().rposition(|&byte| byte != 0);

    &bytes[..end.map_or(0, |last| last + 1)]
}

fn told(name: &str, error: impl Display) -> String {
    format!("{name}: {error}")
}

/// Makes a blob, which is not there yet, and returns its line in the manifest.
fn make(recipe: &Recipe) -> Result<Blob, String> {
    let name = recipe.name;
    let folio = recipe.block.folio();
    let text = text::of(&folio);

    if text != text::naive(&folio) {
        return Err(told(name, "the core and the naive reader do not agree"));
    }
    // `create_new` is what refuses to overwrite.
    let write = |path, bytes: &[u8]| {
        let file = fs::File::create_new(path);
        file.and_then(|mut file| file.write_all(bytes))
            .map_err(|error| told(name, error))
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
        .map_err(|error| told("MANIFEST", error))?;
    let known: HashMap<_, _> = golden::blobs()
        .into_iter()
        .map(|blob| (blob.name.clone(), blob))
        .collect();

    for recipe in accepted::recipes().into_iter().chain(refused::recipes()) {
        match known.get(recipe.name) {
            Some(blob) if blob.folio() == recipe.block.folio() => (),
            Some(_) => return Err(told(recipe.name, "would be overwritten")),
            None => {
                let blob = make(&recipe)?;
                writeln!(manifest, "{blob}").map_err(|error| told("MANIFEST", error))?;
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
