// SPDX-License-Identifier: GPL-2.0

//! A card that the driver is bound to, and its state.
//!
//! ```text
//!     probe()                        probe() of an incoming device
//!        │                                       │
//!        │ reset, start()                        │ nothing
//!        v                                       v
//!     Running  <──────── take_over() ──────── Incoming
//!        │                                       │ stop()
//!        │                                       v
//!        │                                    Stopped
//!        │ unbind: reset, free the ring          │ discard(): reset, free the ring
//!        └───────────────> Idle <────────────────┘
//! ```
//!
//! A card is started only by `probe()`, which may set Bus Master. After `discard()` it is idle
//! until the driver is bound again.

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

/// The state of a card.
pub(crate) enum State {
    /// It receives into a ring of the previous kernel, whose file was not retrieved yet.
    Incoming,
    /// It was `Incoming`, and stopped since its file was not retrieved in time.
    Stopped,
    /// It receives into this ring.
    Running(Ring),
    /// It was reset, or the driver is not bound any more.
    Idle,
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
    /// Creates the card of a device that is being bound.
    pub(crate) fn new(pdev: &pci::Device<Core<'_>>) -> Result<Arc<Self>> {
        // This changes no register of a device that is incoming.
        pdev.enable_device_mem()?;

        let bar = pdev.iomap_region_sized::<{ regs::END }>(0, c"e1000e_liveupdate")?;
        let state = if pdev.is_incoming() {
            // It is receiving at this moment. So there is no reset and no new ring, and no register
            // is written, not even with the value that it has. Bus Master is set.
            dev_info!(pdev, "receiving into a ring of the previous kernel\n");
            State::Incoming
        } else {
            receiver::reset(&bar).inspect_err(|err| dev_err!(pdev, "reset failed: {err:?}\n"))?;
            pdev.set_master();
            State::Idle
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

    /// Makes an idle card receive into a new ring.
    ///
    /// This is the last step of `probe()`, since the card would have to be stopped after a failure.
    pub(crate) fn start(&self) -> Result {
        let mut state = self.state.lock();

        if matches!(*state, State::Idle) {
            let ring = Ring::new(self.name())?;

            self.with_bar(|bar| receiver::start(bar, &ring))?;
            *state = State::Running(ring);
        }
        Ok(())
    }

    /// Returns the name of the PCI function.
    pub(crate) fn name(&self) -> &CStr {
        let dev: &device::Device = (*self.pdev).as_ref();

        dev.name()
    }

    /// Calls `f` with the registers, unless the driver was unbound. `f` must not sleep.
    pub(crate) fn with_bar<R>(&self, f: impl FnOnce(&Bar<'_>) -> R) -> Result<R> {
        self.bar.try_access().map(|bar| f(&bar)).ok_or(ENODEV)
    }

    /// Takes over a ring that the card is receiving into.
    pub(crate) fn take_over(&self, ring: Ring) -> Result {
        let mut state = self.state.lock();

        if !matches!(*state, State::Incoming) || !self.pdev.is_incoming() {
            dev_err!(self.pdev, "not running since the previous kernel\n");
            return Err(EBUSY);
        }
        if !self.with_bar(|bar| receiver::is_receiving(bar, &ring))? {
            dev_err!(self.pdev, "not receiving into the preserved ring\n");
            return Err(EINVAL);
        }

        // Nothing is written to the card.
        *state = State::Running(ring);
        Ok(())
    }

    /// Stops a card whose file was not retrieved. The file cannot be retrieved any more then.
    pub(crate) fn stop(&self) {
        let mut state = self.state.lock();

        if !matches!(*state, State::Incoming) {
            return;
        }
        match self.pdev.liveupdate_stop() {
            Ok(()) => dev_warn!(self.pdev, "stopped, since its file was not retrieved\n"),
            Err(err) => dev_err!(self.pdev, "has pending transactions: {err:?}\n"),
        }
        *state = State::Stopped;
    }

    /// Resets a card whose file was not retrieved, and frees the ring of the previous kernel.
    pub(crate) fn discard(&self, ring: Option<Ring>) -> Result {
        let mut state = self.state.lock();

        if !matches!(*state, State::Incoming | State::Stopped) {
            return Err(EBUSY);
        }

        let stopped = self.with_bar(receiver::reset)??;
        *state = State::Idle;
        if let Some(ring) = ring {
            ring.free(&stopped);
        }
        dev_info!(self.pdev, "idle until the driver is bound again\n");
        Ok(())
    }

    /// Stops the card, since the driver is being unbound.
    pub(crate) fn unbind(&self, dev: &pci::Device<Bound>) {
        match mem::replace(&mut *self.state.lock(), State::Idle) {
            State::Running(ring) => match self.bar.access(dev.as_ref()).and_then(receiver::reset) {
                Ok(stopped) => ring.free(&stopped),
                // The ring is leaked, since the card may be writing to it.
                Err(err) => dev_err!(dev, "reset failed, its ring is leaked: {err:?}\n"),
            },
            // The file can be retrieved when the driver is bound again.
            State::Incoming => dev_warn!(dev, "still receiving for the previous kernel\n"),
            State::Stopped | State::Idle => (),
        }
    }
}
