// SPDX-License-Identifier: GPL-2.0

//! What the previous kernel handed over, asked once, before the first device is enumerated.
//!
//! [`init`] gets the incoming object of each format, which has LUO retrieve it, and puts it at
//! once: a reference that is kept would keep the last file from finishing it.

use crate::{
    abi::FOREIGN,
    core::{
        formats,
        Core,
        Handover, //
    },
    flb::{
        ARRAY,
        BLOCKS, //
    },
    logic::{
        Format,
        Policy, //
    },
    record::RECORD,
    report::stats::Event, //
};
use kernel::{
    bindings,
    error::to_result,
    liveupdate::flb,
    prelude::*, //
};

/// What became of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// The previous kernel handed over none.
    Nothing,
    /// None, as this kernel was not started by a Live Update.
    Fresh,
    /// It is consistent.
    List,
    /// It has a version that is not known.
    Unknown,
    /// It cannot be used. The log says why.
    Refused,
    /// Live Update is off in this kernel.
    Off,
}

impl From<Result> for Asked {
    fn from(answer: Result) -> Self {
        match answer {
            Ok(()) => Self::List,
            Err(ENODATA) => Self::Fresh,
            Err(ENOENT) => Self::Nothing,
            Err(EOPNOTSUPP) => Self::Off,
            Err(EPROTO) => Self::Unknown,
            Err(_) => Self::Refused,
        }
    }
}

/// Asks LUO what the previous kernel handed over, and acts on it.
pub(crate) fn init(core: &Core) {
    let answers = core.stats.timed(Event::RetrieveNanos, || {
        [
            ask(Format::Array, || ARRAY.get_incoming()),
            ask(Format::Blocks, || BLOCKS.get_incoming()),
        ]
    });

    decide(core, answers);
}

/// Gets and puts the incoming object of a format, if it is read.
fn ask<F: flb::Flb>(format: Format, get: impl FnOnce() -> Result<flb::IncomingRef<F>>) -> Result {
    match formats().has(format) {
        true => get().map(drop),
        false => Err(ENOENT),
    }
}

/// Acts on what LUO answers about `pci-v3` and `pci`.
pub(crate) fn decide(core: &Core, answers: [Result; 2]) {
    match look(core, answers.map(Asked::from)) {
        Found::Nothing => {}
        Found::Devices => core.refuse(),
        Found::Unknown => core.refuse_unknown(),
    }
}

/// What the previous kernel left that cannot be used.
enum Found {
    /// Nothing.
    Nothing,
    /// Devices. The log says why they cannot be used.
    Devices,
    /// Records that do not tell whether there are devices.
    Unknown,
}

fn look(core: &Core, asked: [Asked; 2]) -> Found {
    let unknown = core.directions.lock().lists.unknown.unwrap_or_default();

    if asked.contains(&Asked::Off) {
        return was_not_expected();
    }
    if asked.contains(&Asked::Refused) {
        return Found::Devices;
    }
    match (
        asked.contains(&Asked::List),
        asked.contains(&Asked::Unknown),
    ) {
        (false, true) => {
            pr_err!("handover refused: pci: expected version 1 or 2, found {unknown}\n");
            return Found::Devices;
        }
        (false, false) if asked.contains(&Asked::Fresh) => return Found::Nothing,
        (false, false) => return speaks_otherwise(),
        (true, true) => {
            pr_notice!("pci: version {unknown} is not known, the handover is read as pci-v3\n");
        }
        (true, false) => {}
    }

    match core.settle() {
        Ok(settled) => {
            // It says itself what is wrong with it.
            let _ = RECORD.get_incoming();
            if core.directions.lock().incoming.is_none() {
                return Found::Devices;
            }
            settled.give_back();
            Found::Nothing
        }
        Err(differ) => {
            pr_err!("handover refused: pci-v3 and pci: {differ}\n");
            Found::Devices
        }
    }
}

/// Whether the previous kernel handed devices over in a format that is not known here, or not read.
fn speaks_otherwise() -> Found {
    let formats = formats();
    let left_out = Format::ALL
        .into_iter()
        .filter(|format| !formats.has(*format));
    let there = |name: &&CStr| peek(name).is_ok();
    let foreign = FOREIGN.into_iter().find(there);

    let Some(name) = foreign.or_else(|| left_out.map(Format::name).find(there)) else {
        return Found::Nothing;
    };
    pr_err!("handover refused: expected devices as {formats}, found them as {name}\n");
    Found::Devices
}

/// Whether the previous kernel handed devices over to a kernel without Live Update.
fn was_not_expected() -> Found {
    let foreign = FOREIGN.into_iter().map(peek).find(Result::is_ok);
    let known = || Format::ALL.into_iter().map(|format| peek(format.name()));

    // If none is there, each of them has the same answer.
    let found = foreign.or_else(|| known().find(Result::is_ok));
    match found.or_else(|| known().next()).unwrap_or(Ok(())) {
        Err(ENOENT) => Found::Nothing,
        Ok(()) => {
            pr_err!("handover refused: expected none with liveupdate=off, found devices\n");
            Found::Devices
        }
        Err(EPROTO) => Found::Unknown,
        Err(_) => {
            pr_err!("handover refused: expected none with liveupdate=off, found one of LUO\n");
            Found::Devices
        }
    }
}

/// Asks LUO whether the previous kernel handed over an FLB of that name.
fn peek(name: &CStr) -> Result {
    // SAFETY: `name` is a string.
    to_result(unsafe { bindings::liveupdate_flb_peek_incoming(name.as_char_ptr()) })
}

impl Core {
    /// Acts on a handover that was refused. The diagnosis has been given.
    fn refuse(&self) {
        self.forget_lists();
        self.set_handover(Handover::Nothing);
        self.act(self.policy, "unknown devices may be doing DMA");
    }

    /// Acts on records of LUO that this kernel, in which it is off, cannot read.
    fn refuse_unknown(&self) {
        let what = "cannot tell with liveupdate=off whether devices are doing DMA";

        self.act(self.policy.if_unknown(), what);
    }

    fn act(&self, policy: Policy, what: &str) {
        match policy {
            Policy::Panic => panic(),
            Policy::Contain => {
                pr_emerg!("{what}: clearing Bus Master everywhere\n");
                self.set_handover(Handover::Contained);
            }
            Policy::Ignore => pr_emerg!("{what} to memory in use: ignored\n"),
        }
    }
}

/// Stops the kernel.
fn panic() -> ! {
    // SAFETY: The format has no conversions, so that no argument is read.
    unsafe {
        bindings::panic(
            c"PCI Live Update: unknown devices may be doing DMA (see pci_liveupdate=)"
                .as_char_ptr(),
        )
    }
}
