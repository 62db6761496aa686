// SPDX-License-Identifier: GPL-2.0

//! What there is to look at, in `/sys/kernel/debug/pci_liveupdate/`.
//!
//! A line per function in `outgoing` and `incoming`: its name, what it is, its count, its state.
//! Counters in `stats`. All of it is for eyes: nothing may depend on the form.

use crate::{
    state::STATE,
    stats, //
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
pub(crate) fn create() {
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
    let state = STATE.lock();

    for (dev, place) in state.outgoing.iter().flat_map(|outgoing| outgoing.iter()) {
        let (key, kind, count) = (dev.key(), kind(place.bridge), dev.refcount);
        let what = if place.own { "preserved" } else { "shared" };
        writeln!(f, "{key} {kind} {count} {what}")?;
    }
    Ok(())
}

fn show_incoming((): &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let state = STATE.lock();
    let entries = state.incoming.iter().flat_map(|incoming| incoming.iter());

    for (dev, arrival) in entries.filter(|(dev, _)| dev.is_used()) {
        let (key, count) = (dev.key(), dev.refcount);
        if arrival.found {
            writeln!(f, "{key} {} {count} found", kind(arrival.bridge))?;
        } else {
            writeln!(f, "{key} unknown {count} missing")?;
        }
    }
    Ok(())
}

fn show_stats((): &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    stats::iter().try_for_each(|(name, count)| writeln!(f, "{name} {count}"))
}
