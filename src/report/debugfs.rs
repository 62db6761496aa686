// SPDX-License-Identifier: GPL-2.0

//! The files in `/sys/kernel/debug/pci_liveupdate/`.
//!
//! A line per function in `outgoing` and `incoming`: its address, what it is, its count, its state.
//! Counters in `stats`. They are for people: nothing may depend on the form.

use crate::core::{
    core,
    Incoming,
    Outgoing, //
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
    let directions = core.directions.lock();

    for entry in directions.outgoing.iter().flat_map(Outgoing::iter) {
        let (key, kind, count) = (entry.ser.key(), kind(entry.bridge), entry.ser.refcount);
        let what = if entry.own { "preserved" } else { "shared" };
        writeln!(f, "{key} {kind} {count} {what}")?;
    }
    Ok(())
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
            writeln!(f, "{key} {} {count} found", kind(entry.bridge))?;
        } else {
            writeln!(f, "{key} unknown {count} missing")?;
        }
    }
    Ok(())
}

fn show_stats((): &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(core) = core() else {
        return Ok(());
    };

    core.stats
        .iter()
        .try_for_each(|(name, count)| writeln!(f, "{name} {count}"))
}
