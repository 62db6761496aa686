// SPDX-License-Identifier: GPL-2.0

//! A card that the driver is bound to, and what state it is in.
//!
//! ```text
//!   probe()                      probe() of a device that is incoming
//!      │                            │
//!      │ reset, start()             │ nothing
//!      v                            v
//!   Running  <── take_over() ── Incoming
//!      │    <─── start_over() ──    │
//!      │ stop, free the ring        │ nothing
//!      └──────────> Gone <──────────┘
//!                  unbind
//! ```

use crate::{
    receiver::{
        self,
        Bar, //
    },
    regs,
    ring::Ring, //
};
use core::mem;
use kernel::{
    device::{
        self,
        Bound,
        Core, //
    },
    new_mutex,
    pci,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        Mutex, //
    }, //
};

/// What the card is doing.
pub(crate) enum State {
    /// It receives into a ring of the previous kernel, and nobody has asked for that yet.
    Incoming,
    /// It receives into this ring.
    Running(Ring),
    /// It does nothing: the driver is not there yet or any more, or had no memory for a ring.
    Gone,
}

/// A card.
#[pin_data]
pub(crate) struct Card {
    pub(crate) pdev: ARef<pci::Device>,
    bar: pci::DevresBar<{ regs::END }>,
    #[pin]
    pub(crate) state: Mutex<State>,
}

impl Card {
    /// Binds to a card.
    pub(crate) fn new(pdev: &pci::Device<Core<'_>>) -> Result<Arc<Self>> {
        // For a device that is incoming, this changes nothing but a count.
        pdev.enable_device_mem()?;

        let bar = pdev.iomap_region_sized::<{ regs::END }>(0, c"e1000e_liveupdate")?;
        let state = if pdev.is_incoming() {
            // It is receiving at this moment. What a probe is used to do would end that: no reset,
            // no ring of our own, and no register is written, not even with the value it has.
            // There is no need to set Bus Master, either: it never was clear.
            dev_info!(pdev, "still receiving for the previous kernel\n");
            State::Incoming
        } else {
            if let Err(err) = receiver::reset(&bar) {
                dev_err!(pdev, "does not come out of its reset\n");
                return Err(err);
            }
            pdev.set_master();
            State::Gone
        };

        Arc::pin_init(
            try_pin_init!(Self {
                pdev: ARef::from(&**pdev),
                bar: bar.into_devres()?,
                state <- new_mutex!(state),
            }),
            GFP_KERNEL,
        )
    }

    /// Has a card that does nothing receive into a ring of its own.
    ///
    /// Whatever fails after that has to stop it again, so this comes last.
    pub(crate) fn start(&self) -> Result {
        let mut state = self.state.lock();

        if matches!(*state, State::Gone) {
            let ring = Ring::new(self.name())?;

            self.with_bar(|bar| receiver::start(bar, &ring))?;
            *state = State::Running(ring);
        }
        Ok(())
    }

    /// The name of the PCI function.
    pub(crate) fn name(&self) -> &CStr {
        let dev: &device::Device = (*self.pdev).as_ref();

        dev.name()
    }

    /// Runs `f` with the registers, unless the driver was unbound. `f` must not sleep.
    pub(crate) fn with_bar<R>(&self, f: impl FnOnce(&Bar<'_>) -> R) -> Result<R> {
        self.bar.try_access().map(|bar| f(&bar)).ok_or(ENODEV)
    }

    /// Takes over a ring that the device is receiving into.
    pub(crate) fn take_over(&self, ring: Ring) -> Result {
        let mut state = self.state.lock();

        if !matches!(*state, State::Incoming) || !self.pdev.is_incoming() {
            dev_err!(self.pdev, "not left running by the previous kernel\n");
            return Err(EBUSY);
        }
        if !self.with_bar(|bar| receiver::runs(bar, &ring))? {
            dev_err!(
                self.pdev,
                "not receiving into the ring of the previous kernel\n"
            );
            return Err(EINVAL);
        }

        // That is all. The device does not notice.
        *state = State::Running(ring);
        Ok(())
    }

    /// Does away with the ring of the previous kernel that nobody asked for.
    pub(crate) fn start_over(&self, abandoned: Ring) -> Result {
        let mut state = self.state.lock();

        if !matches!(*state, State::Incoming) {
            return Err(EBUSY);
        }

        self.with_bar(receiver::reset)??;
        *state = State::Gone;
        // Only now is it true that nobody writes into it.
        abandoned.free();
        drop(state);
        self.start()
    }

    /// Unbinds from the card.
    pub(crate) fn unbind(&self, dev: &pci::Device<Bound>) {
        match mem::replace(&mut *self.state.lock(), State::Gone) {
            State::Running(ring) => match self.bar.access(dev.as_ref()) {
                Ok(bar) if receiver::reset(bar).is_ok() => ring.free(),
                // Better to lose the memory than to have a device write into it.
                _ => dev_err!(dev, "does not stop, its ring is left alone\n"),
            },
            // Whoever the ring belongs to may come later.
            State::Incoming => dev_warn!(dev, "left receiving for the previous kernel\n"),
            State::Gone => (),
        }
    }
}
