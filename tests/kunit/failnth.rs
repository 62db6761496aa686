// SPDX-License-Identifier: GPL-2.0

//! What becomes of a handover if there is no memory: at boot, in the callbacks for LUO, at the
//! enumeration of a bridge, and at the registration of a driver.
//!
//! `tests/scenarios/failnth.py` does the same with what user space can ask for.

use super::{
    bare::Topology,
    faults::{
        Faults,
        Trial, //
    },
    fixture::Fixture,
    formats::{
        handle,
        is_reserved,
        one_block,
        preserved,
        HandedOver, //
    }, //
};
use crate::{
    boot,
    core::Handover,
    flb::{
        PciArray,
        PciBlocks, //
    },
    logic::Policy,
    record::RecordFlb,
    retrieve::Settled, //
};
use kernel::{
    bindings,
    error::to_result,
    kho,
    liveupdate::{
        self,
        flb::Flb, //
    },
    page::PAGE_SIZE,
    prelude::*, //
};

const SEGMENT: u32 = 0x12_0000;

extern "C" {
    fn pci_liveupdate_test_page_count(phys: u64) -> c_int;
    fn pci_liveupdate_test_skip(why: *const c_char);
}

/// Ends the test unless this kernel has what it needs. To be called before anything else.
fn needs(there: bool, why: &CStr) {
    if !there {
        // SAFETY: There is nothing yet that would have to be dropped.
        unsafe { pci_liveupdate_test_skip(why.as_char_ptr()) };
    }
}

/// Whether memory that was handed over belongs to nobody any more.
fn is_free(phys: u64) -> bool {
    // SAFETY: A page of the test.
    unsafe { pci_liveupdate_test_page_count(phys) == 0 }
}

/// Gives back memory that was taken over, and then kept from everybody for ever.
fn free(phys: u64) {
    if is_reserved(phys) || is_free(phys) {
        return;
    }
    // SAFETY: A folio of the test, which nobody else knows.
    unsafe {
        let folio = bindings::virt_to_folio(bindings::phys_to_virt(phys));
        bindings::folio_put(folio);
    }
}

impl HandedOver {
    /// Where all of it is.
    fn all(&self) -> impl Iterator<Item = u64> + '_ {
        let lists = [&self.array, &self.head];

        Iterator::chain(lists.into_iter(), self.blocks.iter()).copied()
    }
}

/// A handover of some devices, as a kernel with `policy` finds it at boot.
fn boot(trial: &mut Trial, policy: Policy) -> Result {
    let lists = preserved(&Fixture::new()?, 3)?;
    let core = Fixture::with_policy(policy)?;

    let answers = trial.run(|| {
        let answers = lists.retrieve();
        boot::decide(&core, answers);
        answers
    });
    let found = core.nr_incoming();
    let refused = match policy {
        Policy::Contain => Handover::Contained,
        _ => Handover::Nothing,
    };
    let result = match (answers, core.handover()) {
        ([Ok(()), Ok(())], Handover::Devices) if found == 3 => Ok(()),
        ([Err(ENOMEM), _] | [_, Err(ENOMEM)], handover)
            if trial.has_failed()
                && handover == refused
                && found == 0
                // A device may be writing to what a list names by mistake.
                && !lists.all().any(is_free) =>
        {
            Ok(())
        }
        _ => {
            pr_err!("{answers:?} with {found} devices\n");
            Err(EINVAL)
        }
    };
    lists.all().for_each(free);
    lists.free();
    core.forget_entries();
    result
}

/// Has an FLB preserved, and tells whether it was.
fn preserve<F: Flb>(trial: &mut Trial) -> Result<bool>
where
    F::Outgoing: Default,
{
    match trial.run(F::preserve) {
        Ok(_) => Ok(true),
        Err(ENOMEM) if trial.has_failed() => Ok(false),
        Err(error) => Err(error),
    }
}

/// `pci_liveupdate_register_flb()`, as a driver in C calls it.
fn register(handler: &mut bindings::liveupdate_file_handler) -> Result {
    // SAFETY: A handler that is about to be registered.
    to_result(unsafe { bindings::pci_liveupdate_register_flb(handler) })
}

/// A list of the version that has no bridges: a device behind two of them.
fn without_bridges(bdf: u16) -> Result<HandedOver> {
    let (mut head, mut pages) = one_block(1, bdf)?;
    let page = pages.first_mut().ok_or(EINVAL)?;

    head.version = 1;
    page.devices.first_mut().ok_or(EINVAL)?.domain = SEGMENT;
    HandedOver::new(kho::Folio::zeroed(PAGE_SIZE)?, (head, pages))
}

#[kunit_tests(pci_liveupdate_failnth)]
mod tests {
    use super::*;

    /// At boot, no memory for a list is a reason to refuse all, and the policy acts.
    #[test]
    fn retrieve_and_boot() -> Result {
        let faults = Faults::new()?;

        for (what, policy) in [
            ("boot with pci_liveupdate=contain", Policy::Contain),
            ("boot with pci_liveupdate=ignore", Policy::Ignore),
        ] {
            assert!(faults.each(what, |trial| boot(trial, policy))? > 0);
        }
        Ok(())
    }

    /// The first file is preserved in all formats, or in none.
    #[test]
    fn preserve_and_unpreserve() -> Result {
        needs(kho::is_enabled(), c"needs kho=on");
        let faults = Faults::new()?;
        let core = Fixture::new()?;
        let array = faults.each("preserve of pci-v3", |trial| {
            if preserve::<PciArray>(trial)? {
                PciArray::unpreserve(());
            }
            match core.directions.lock().outgoing {
                None => Ok(()),
                Some(_) => Err(EINVAL),
            }
        })?;
        assert!(array > 0);

        // The others are preserved beside it.
        PciArray::preserve()?;
        let blocks = faults.each("preserve of pci", |trial| {
            if preserve::<PciBlocks>(trial)? {
                PciBlocks::unpreserve(());
            }
            match core.directions.lock().outgoing.as_ref() {
                Some(outgoing) if outgoing.table().blocks.is_none() => Ok(()),
                _ => Err(EINVAL),
            }
        })?;
        assert!(blocks > 0);
        let record = faults.each("preserve of the record", |trial| {
            if preserve::<RecordFlb>(trial)? {
                RecordFlb::unpreserve(());
            }
            match core.directions.lock().record {
                None => Ok(()),
                Some(_) => Err(EINVAL),
            }
        })?;
        assert!(record > 0);
        PciArray::unpreserve(());
        assert!(core.directions.lock().outgoing.is_none());
        Ok(())
    }

    /// A bridge of a list that has none is counted, or it is not: the device below it is incoming
    /// either way, and can be finished.
    #[test]
    fn bridges_are_counted() -> Result {
        let faults = Faults::new()?;

        let failed = faults.each("enumeration below bridges", |trial| {
            let core = Fixture::new()?;
            let mut topology = Topology::with_room(1, 3, 3)?;
            let root = topology.root(SEGMENT, 0)?;
            let (port, bus) = topology.bridge(root, 0x08, 1)?;
            let (lower, bus) = topology.bridge(bus, 0, 2)?;
            let dev = topology.endpoint(bus, 0)?;
            let all = [port, lower, dev].map(|dev| topology.get(dev));
            let [.., dev] = all;

            let lists = without_bridges(0x0200)?;
            PciBlocks::retrieve(handle(lists.head))?;
            core.settle().map_err(|_| EINVAL)?.give_back();
            trial.run(|| all.into_iter().for_each(|dev| core.setup_device(dev)));
            let incoming = all.into_iter().filter(|dev| core.is_incoming(dev)).count();
            let (counted, there) = (core.nr_incoming(), core.is_incoming(dev));
            core.finish(dev);
            let left = core.nr_incoming();
            lists.free();
            core.forget_entries();
            match trial.has_failed() {
                true if there && counted == incoming && left == 0 => Ok(()),
                false if counted == 3 && incoming == 3 && left == 0 => Ok(()),
                _ => {
                    pr_err!("{incoming} incoming, {counted} counted, {left} left\n");
                    Err(EINVAL)
                }
            }
        })?;
        assert!(failed > 0);
        Ok(())
    }

    /// A record is compared, and lists are finished, without memory.
    #[test]
    fn nothing_to_fail() -> Result {
        let faults = Faults::new()?;

        let failed = faults.each("settling, and the finish of lists", |trial| {
            let core = Fixture::new()?;
            let lists = preserved(&core, 3)?;
            let [array, blocks] = lists.retrieve();
            array.and(blocks)?;
            let settled = trial.run(|| {
                let settled = core.settle().map(Settled::give_back);
                core.forget_entries();
                PciBlocks::finish(());
                PciArray::finish(());
                settled
            });
            lists.free();
            match (settled, core.handover()) {
                (Ok(()), Handover::Nothing) => Ok(()),
                _ => Err(EINVAL),
            }
        })?;
        assert_eq!(failed, 0);
        Ok(())
    }

    /// A driver registers all that is handed over with its files, or nothing.
    #[test]
    fn registration() -> Result {
        needs(liveupdate::is_enabled(), c"needs liveupdate=on");
        let faults = Faults::new()?;

        let failed = faults.each("registration of a driver", |trial| {
            let mut handler = KBox::new(
                bindings::liveupdate_file_handler {
                    ..pin_init::zeroed()
                },
                GFP_KERNEL,
            )?;

            let registered = trial.run(|| register(&mut handler));
            match registered {
                Ok(()) => {}
                // The next try succeeds, as nothing of this one is left.
                Err(ENOMEM) if trial.has_failed() => register(&mut handler)?,
                Err(error) => return Err(error),
            }
            // SAFETY: It was registered just now.
            unsafe { bindings::pci_liveupdate_unregister_flb(&mut *handler) };
            Ok(())
        })?;
        assert!(failed > 0);
        Ok(())
    }
}
