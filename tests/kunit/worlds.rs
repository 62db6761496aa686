// SPDX-License-Identifier: GPL-2.0

//! That tests and the machine see nothing of each other.

use super::scene;
use crate::{
    abi::Key,
    state::{
        handover,
        Handover,
        STATE, //
    },
    stats::{
        self,
        Event, //
    },
    world, //
};
use kernel::{
    prelude::*,
    sync::{
        Arc,
        Completion,
        Mutex, //
    },
    workqueue, //
};

/// What the core remembers, as the current task sees it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Sight {
    enabled: bool,
    handover: Handover,
    outgoing: Option<usize>,
    incoming: bool,
    busy: u64,
}

fn look() -> Sight {
    let handover = handover();
    let busy = stats::iter().find_map(|(name, count)| (name == "refused_busy").then_some(count));
    let state = STATE.lock();

    Sight {
        enabled: world::is_enabled(),
        handover,
        outgoing: state.outgoing.as_ref().map(|outgoing| outgoing.nr_own()),
        incoming: state.incoming.is_some(),
        busy: busy.unwrap_or(0),
    }
}

/// A task that looks around.
#[pin_data]
struct Other {
    #[pin]
    seen: Mutex<Option<Sight>>,
    #[pin]
    done: Completion,
}

impl Other {
    /// What a task that runs no test sees.
    fn look() -> Result<Option<Sight>> {
        let other = Arc::pin_init(
            pin_init!(Self {
                seen <- kernel::new_mutex!(None),
                done <- Completion::new(),
            }),
            GFP_KERNEL,
        )?;
        let task = other.clone();

        workqueue::system().try_spawn(GFP_KERNEL, move || {
            *task.seen.lock() = Some(look());
            task.done.complete_all();
        })?;
        other.done.wait_for_completion();
        let seen = *other.seen.lock();
        Ok(seen)
    }
}

#[kunit_tests(pci_liveupdate_worlds)]
mod tests {
    use super::*;

    /// Whatever a test makes of the state, the rest of the kernel sees what it saw before.
    #[test]
    fn machine_is_left_alone() -> Result {
        let before = Other::look()?;

        scene::begin_incoming(&[(Key::new(0, 0x0008), 1)])?;
        scene::add_outgoing(8)?;
        stats::count(Event::Busy);
        assert!(Other::look()? == before);

        scene::begin_contained();
        assert!(Other::look()? == before);
        for on in [false, true] {
            world::enable(on);
            assert!(Other::look()? == before);
        }
        scene::clear();
        assert!(Other::look()? == before);
        Ok(())
    }

    /// A test sees what it has made, and nothing that was there before.
    #[test]
    fn test_sees_its_own() -> Result {
        scene::clear();
        let nothing = look();
        assert!(nothing.handover == Handover::Nothing);
        assert!(nothing.outgoing.is_none() && !nothing.incoming && nothing.enabled);

        scene::begin_incoming(&[(Key::new(0, 0x0008), 1)])?;
        scene::add_outgoing(8)?;
        stats::count(Event::Busy);
        let all = look();
        assert!(all.handover == Handover::Devices);
        assert_eq!(all.outgoing, Some(0));
        assert!(all.incoming);
        assert_eq!(all.busy, nothing.busy + 1);
        scene::clear();
        Ok(())
    }
}
