// SPDX-License-Identifier: GPL-2.0

//! A small topology on a fake bus, for tests that do not depend on how it looks.

use super::{
    config::{
        Config,
        Numbers,
        Port,
        COMMAND,
        MASTER, //
    },
    fake_bus::{
        Device,
        FakeBus, //
    },
    fixture::Fixture,
    hardware::Function, //
};
use crate::{
    abi::Key,
    logic::Function as _, //
};
use kernel::prelude::*;

/// A segment with a switch, an endpoint below it, and two functions in a slot of the root bus.
pub(crate) struct Machine<'a> {
    pub(crate) fake: Pin<KBox<FakeBus<'a>>>,
    core: &'a Fixture,
    /// Root port, upstream port, downstream port.
    pub(crate) ports: [Function; 3],
    pub(crate) endpoint: Function,
    pub(crate) slot: [Function; 2],
}

impl<'a> Machine<'a> {
    /// Plugs everything in, with Bus Master set.
    pub(crate) fn new(core: &'a Fixture) -> Result<Self> {
        Self::with(core, |_| {}, |_| {})
    }

    /// The same, with more capabilities in each port and in the endpoint below them.
    pub(crate) fn with(
        core: &'a Fixture,
        more: impl Fn(&mut Config),
        more_below: impl Fn(&mut Config),
    ) -> Result<Self> {
        let fake = FakeBus::new(core)?;
        let port = |port, from| {
            let mut config = Config::port(port, Numbers(from, 3))?;
            more(&mut config);
            Ok::<_, Error>(config)
        };
        let running = |mut config: Config| {
            config.set16(COMMAND, MASTER);
            config
        };

        let root = fake.plug(None, 0x08, running(port(Port::Root, 1)?))?;
        let upstream = fake.plug(Some(root), 0, running(port(Port::Upstream, 2)?))?;
        let downstream = fake.plug(Some(upstream), 0, running(port(Port::Downstream, 3)?))?;
        let mut endpoint = Config::express()?;
        more_below(&mut endpoint);
        let endpoint = fake.plug(Some(downstream), 0, running(endpoint))?;
        let slot = [
            fake.plug(None, 0x10, running(Config::endpoint()?))?,
            fake.plug(None, 0x11, running(Config::endpoint()?))?,
        ];

        Ok(Self {
            fake,
            core,
            ports: [root, upstream, downstream],
            endpoint,
            slot,
        })
    }

    /// All functions.
    pub(crate) fn all(&self) -> [Function; 6] {
        let [root, upstream, downstream] = self.ports;
        let [first, second] = self.slot;

        [root, upstream, downstream, self.endpoint, first, second]
    }

    /// The endpoint and what is above it.
    pub(crate) fn path(&self) -> [Function; 4] {
        let [root, upstream, downstream] = self.ports;

        [self.endpoint, downstream, upstream, root]
    }

    /// The path, as a kernel that preserves the endpoint hands it over.
    pub(crate) fn entries(&self) -> [(Key, u16); 4] {
        self.path()
            .map(|f| (self.fake.key(f).unwrap_or(Key::new(0, 0)), 1))
    }

    /// Has a previous kernel hand over the path, and the PCI core find everything.
    pub(crate) fn arrive(&self) -> Result {
        self.core.start_incoming(&self.entries())?;
        self.fake.scan()
    }

    /// A function that was found.
    pub(crate) fn device(&self, function: Function) -> Result<Device<'_>> {
        self.fake.device(function).ok_or(ENODEV)
    }

    pub(crate) fn is_incoming(&self, function: Function) -> bool {
        let dev = self.fake.device(function);

        dev.is_some_and(|dev| self.core.is_incoming(&dev))
    }

    pub(crate) fn is_outgoing(&self, function: Function) -> bool {
        let dev = self.fake.device(function);

        dev.is_some_and(|dev| dev.outgoing().is_some())
    }

    pub(crate) fn has_master(&self, function: Function) -> bool {
        self.fake.get16(function, COMMAND) & MASTER != 0
    }

    /// Removes the device, and returns whether it was there.
    pub(crate) fn remove(&self, function: Function) -> bool {
        let dev = self.fake.device(function);
        let found = dev.is_some();

        if let Some(dev) = dev {
            self.fake.remove(dev);
        }
        found
    }
}
