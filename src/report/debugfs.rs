// SPDX-License-Identifier: GPL-2.0

//! The files in `/sys/kernel/debug/pci_liveupdate/`.
//!
//! A line per function in `outgoing` and `incoming`: its address, what it is, its count, its state.
//! Counters in `stats`. For `eligible` and `formats`, see [`preflight`](super::preflight).

use super::preflight::{
    show_eligible,
    show_formats, //
};
use crate::{
    abi::{
        identity::Identity,
        Key, //
    },
    core::{
        core,
        Core,
        Incoming,
        Outgoing, //
    },
    device::find,
    fabric::dma::survives_kexec,
    logic::{
        differences,
        late_differences,
        recognize,
        Arrival,
        Entry,
        Model, //
    },
};
use kernel::{
    debugfs::Scope,
    fmt,
    prelude::*,
    sync::SetOnce, //
};

/// The files. They stay for as long as the kernel runs.
static FILES: SetOnce<Pin<KBox<Scope<()>>>> = SetOnce::new();

/// Creates the files.
pub(super) fn init() {
    let files = Scope::<()>::dir((), c"pci_liveupdate", |nothing, dir| {
        dir.read_callback_file(c"outgoing", nothing, &show_outgoing);
        dir.read_callback_file(c"incoming", nothing, &show_incoming);
        dir.read_callback_file(c"eligible", nothing, &show_eligible);
        dir.read_callback_file(c"formats", nothing, &show_formats);
        dir.read_callback_file(c"stats", nothing, &show_stats);
    });

    match KBox::pin_init(files, GFP_KERNEL) {
        Ok(files) => {
            FILES.populate(files);
        }
        Err::<_, Error>(_) => pr_warn!("no memory for the files in debugfs\n"),
    }
}

fn kind(bridge: bool) -> &'static str {
    if bridge {
        "bridge"
    } else {
        "endpoint"
    }
}

fn show_outgoing((): &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(core) = core() else {
        return Ok(());
    };

    // An error here would read as an empty file: nothing is preserved.
    let Ok(entries) = copy(core) else {
        return writeln!(f, "no memory to list them");
    };

    for entry in &entries {
        let (key, kind, count) = (entry.ser.key(), kind(entry.bridge), entry.ser.refcount);
        let what = if entry.own { "preserved" } else { "shared" };
        writeln!(f, "{key} {kind} {count} {what}{}", dma(key, entry.bridge))?;
    }
    Ok(())
}

/// The entries in use. Whether DMA goes on is asked without the lock.
fn copy(core: &Core) -> Result<KVVec<Entry>> {
    let nr = core
        .directions
        .lock()
        .outgoing
        .as_ref()
        .map_or(0, Outgoing::nr_used);
    // CAST: `CONFIG_PCI_LIVEUPDATE` depends on `CONFIG_64BIT`.
    let mut entries = KVVec::with_capacity(nr as usize, GFP_KERNEL)?;

    let directions = core.directions.lock();
    for entry in directions.outgoing.iter().flat_map(Outgoing::iter) {
        // What came in between is for the next reader.
        if entries.push_within_capacity(*entry).is_err() {
            break;
        }
    }
    Ok(entries)
}

/// Whether DMA of an outgoing device would go on over a kexec now.
fn dma(key: Key, bridge: bool) -> &'static str {
    match find(key) {
        Some(dev) if !bridge && survives_kexec(&dev) => ", DMA goes on",
        Some(_) if !bridge => ", DMA stops",
        _ => "",
    }
}

fn show_incoming((): &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(core) = core() else {
        return Ok(());
    };
    let directions = core.directions.lock();
    let entries = directions.incoming.iter().flat_map(Incoming::iter);

    for entry in entries.filter(|entry| entry.is_unfinished()) {
        let (key, count) = (entry.key, entry.refcount);
        if entry.found {
            write!(f, "{key} {} {count} found", kind(entry.bridge))?;
        } else {
            write!(f, "{key} unknown {count} missing")?;
        }
        show_identity(entry, f)?;
    }
    Ok(())
}

/// What the function is that was handed over, if the previous kernel said so, and what is different
/// in the one that is there.
fn show_identity(arrival: &Arrival, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(expected) = &arrival.expected else {
        return writeln!(f, ", no record");
    };
    let dma = if expected.has(Identity::DMA) {
        "goes on"
    } else {
        "stops"
    };
    write!(f, ", {}, DMA {dma}", Model::from(expected))?;

    if let Some(seen) = &arrival.seen {
        if let Err(other) = recognize(expected, seen) {
            write!(f, "; {other}")?;
        } else {
            let late = late_differences(expected, seen);
            Iterator::chain(differences(expected, seen), late)
                .try_for_each(|difference| write!(f, "; {difference}"))?;
        }
    }
    writeln!(f)
}

fn show_stats((): &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(core) = core() else {
        return Ok(());
    };

    core.stats
        .iter()
        .try_for_each(|(name, count)| writeln!(f, "{name} {count}"))
}
