// SPDX-License-Identifier: GPL-2.0

//! Tests and the machine do not see each other's core.

use super::{
    fixture::Fixture,
    machine::Machine, //
};
use crate::{
    abi::Key,
    core::{
        core,
        Core,
        Handover,
        Outgoing, //
    },
    device::DeviceExt,
    report::stats::Event, //
};
use core::ptr;
use kernel::{
    bindings,
    pci,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        Completion,
        Mutex, //
    },
    workqueue, //
};

/// What a task sees.
#[derive(Clone, Copy, PartialEq, Eq)]
struct View {
    /// The address of its core.
    core: usize,
    handover: Handover,
    outgoing: Option<u32>,
    incoming: bool,
    enabled: bool,
    /// The sum of all counters, those of time included.
    events: u64,
}

impl View {
    /// What the current task sees.
    fn new() -> Option<Self> {
        let core = core()?;
        let directions = core.directions.lock();

        Some(Self {
            core: ptr::from_ref::<Core>(core).addr(),
            handover: core.handover(),
            outgoing: directions.outgoing.as_ref().map(Outgoing::nr_used),
            incoming: directions.incoming.is_some(),
            enabled: (core.is_enabled)(),
            events: core.stats.iter().map(|(_, count)| count).sum(),
        })
    }
}

/// A task that runs no test.
#[pin_data]
struct Other<T> {
    #[pin]
    result: Mutex<Option<T>>,
    #[pin]
    done: Completion,
}

impl<T: Send + Unpin + 'static> Other<T> {
    /// Runs `work` there.
    fn run(work: impl FnOnce() -> T + Send + 'static) -> Result<Option<T>> {
        let other = Arc::pin_init(
            pin_init!(Self {
                result <- kernel::new_mutex!(None),
                done <- Completion::new(),
            }),
            GFP_KERNEL,
        )?;
        let task = other.clone();

        workqueue::system().try_spawn(GFP_KERNEL, move || {
            *task.result.lock() = Some(work());
            task.done.complete_all();
        })?;
        other.done.wait_for_completion();
        let result = other.result.lock().take();
        Ok(result)
    }
}

/// `pci_liveupdate_is_incoming()`, as C calls it.
fn is_incoming(dev: &pci::Device) -> bool {
    // SAFETY: A valid device.
    unsafe { bindings::pci_liveupdate_is_incoming(dev.raw()) }
}

#[kunit_tests(pci_liveupdate_isolation)]
mod tests {
    use super::*;

    /// Whatever a test does to its core, another task sees that of the machine as it was.
    #[test]
    fn other_task() -> Result {
        let before = Other::run(View::new)?.flatten();
        assert!(before.is_some());

        let core = Fixture::new()?;
        core.start_incoming(&[(Key::new(0, 0x0008), 1)])?;
        core.start_outgoing(8)?;
        core.stats.count(Event::Busy);
        assert!(Other::run(View::new)?.flatten() == before);
        core.contain();
        assert!(Other::run(View::new)?.flatten() == before);
        drop(core);
        assert!(Other::run(View::new)?.flatten() == before);
        Ok(())
    }

    /// The task of a test sees the core of the test as long as there is one.
    #[test]
    fn task_of_test() -> Result {
        let machine = View::new();
        assert!(machine == Other::run(View::new)?.flatten());

        let core = Fixture::new()?;
        let nothing = View::new().ok_or(EINVAL)?;
        assert_eq!(nothing.core, ptr::from_ref::<Core>(&core).addr());
        assert!(nothing.handover == Handover::Nothing && nothing.enabled);
        assert!(nothing.outgoing.is_none() && !nothing.incoming);
        assert_eq!(nothing.events, 0);

        core.start_incoming(&[(Key::new(0, 0x0008), 1)])?;
        core.start_outgoing(8)?;
        core.stats.count(Event::Busy);
        let all = View::new().ok_or(EINVAL)?;
        assert!(all.handover == Handover::Devices && all.incoming);
        assert_eq!(all.outgoing, Some(0));
        assert_eq!(all.events, 1);
        drop(core);
        assert!(View::new() == machine);
        Ok(())
    }

    /// A test has one core at a time.
    #[test]
    fn second_core() -> Result {
        let core = Fixture::new()?;

        assert_eq!(Fixture::new().err(), Some(EBUSY));
        drop(core);
        drop(Fixture::new()?);
        Ok(())
    }

    /// The hooks in C work on the core of the test in its task, and on that of the machine in
    /// another one.
    #[test]
    fn hooks() -> Result {
        let core = Fixture::new()?;
        let machine = Machine::new(&core)?;

        machine.arrive()?;
        let dev = machine.device(machine.endpoint)?;
        assert!(is_incoming(&dev));
        let handed = Other::run(View::new)?.flatten().map(|view| view.handover);
        if handed == Some(Handover::Nothing) {
            let dev = ARef::<pci::Device>::from(&*dev);
            assert_eq!(Other::run(move || is_incoming(&dev))?, Some(false));
        }
        Ok(())
    }
}
