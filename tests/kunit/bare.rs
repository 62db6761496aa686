// SPDX-License-Identifier: GPL-2.0

//! Devices and buses that are nothing but their structures, wired by hand.
//!
//! The core looks at few fields of them, and only those are set. They cannot be bound, registered
//! or configured, but there can be thousands of them within milliseconds.

use crate::abi::Key;
use kernel::{
    bindings,
    pci,
    prelude::*,
    types::Opaque, //
};

const NAME: &CStr = c"bare";

/// A segment of a [`Forest`].
#[derive(Clone, Copy)]
struct Segment(usize);

/// A bus of a [`Forest`].
#[derive(Clone, Copy)]
pub(crate) struct Bus(usize);

/// A device of a [`Forest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dev(usize);

/// What sets a device apart from an ordinary one.
pub(crate) enum Trait {
    /// A Virtual Function of that device.
    VirtualOf(Dev),
    /// A Physical Function, with so many Virtual Functions enabled.
    Physical(u16),
    /// Its ACS is enabled by a quirk.
    AcsQuirk,
    /// It was taken out of the system.
    Removed,
}

/// As many segments, buses and devices as there is room for.
///
/// # Invariants
///
/// Nothing is ever added to the vectors or taken out of them, so that what is in them stays where
/// it is. Every pointer in their elements is null or to another element.
pub(crate) struct Forest {
    segments: KVVec<Opaque<bindings::pci_sysdata>>,
    buses: KVVec<Opaque<bindings::pci_bus>>,
    devices: KVVec<Opaque<bindings::pci_dev>>,
    /// Of whichever device is a Physical Function.
    sriov: KBox<Opaque<bindings::pci_sriov>>,
    /// How many of each are wired.
    nr_segments: usize,
    nr_buses: usize,
    nr_devices: usize,
}

impl Forest {
    /// Makes room.
    pub(crate) fn with_room(segments: usize, buses: usize, devices: usize) -> Result<Self> {
        // INVARIANT: all pointers are null. Nothing below changes a length.
        Ok(Self {
            segments: KVVec::zeroed(segments, GFP_KERNEL)?,
            buses: KVVec::zeroed(buses, GFP_KERNEL)?,
            devices: KVVec::zeroed(devices, GFP_KERNEL)?,
            sriov: KBox::new(Opaque::zeroed(), GFP_KERNEL)?,
            nr_segments: 0,
            nr_buses: 0,
            nr_devices: 0,
        })
    }

    /// Adds a segment with its root bus.
    pub(crate) fn root(&mut self, domain: u32, number: u8) -> Result<Bus> {
        let segment = Segment(self.nr_segments);
        let sysdata = self.segments.get(segment.0).ok_or(ENOMEM)?.get();

        self.nr_segments += 1;
        // CAST: segments are `int` in C.
        //
        // SAFETY: An element of ours, that is zeroed.
        unsafe { (*sysdata).domain = domain as c_int };
        self.bus(segment, number)
    }

    fn bus(&mut self, segment: Segment, number: u8) -> Result<Bus> {
        let nr = self.nr_buses;
        let bus = self.buses.get(nr).ok_or(ENOMEM)?.get();
        let sysdata = self.segments.get(segment.0).ok_or(EINVAL)?.get();

        self.nr_buses += 1;
        // SAFETY: An element of ours, that is zeroed.
        unsafe {
            (*bus).sysdata = sysdata.cast();
            (*bus).number = number;
        }
        Ok(Bus(nr))
    }

    /// Adds a device without anything below it.
    pub(crate) fn endpoint(&mut self, bus: Bus, devfn: u8) -> Result<Dev> {
        let nr = self.nr_devices;
        let dev = self.devices.get(nr).ok_or(ENOMEM)?.get();
        let bus = self.buses.get(bus.0).ok_or(EINVAL)?.get();

        self.nr_devices += 1;
        // SAFETY: An element of ours, that is zeroed.
        unsafe {
            (*dev).bus = bus;
            (*dev).devfn = devfn.into();
            (*dev).dev.init_name = NAME.as_char_ptr();
        }
        Ok(Dev(nr))
    }

    /// Adds a bridge, and the bus below it.
    pub(crate) fn bridge(&mut self, above: Bus, devfn: u8, number: u8) -> Result<(Dev, Bus)> {
        let dev = self.endpoint(above, devfn)?;
        let below = Bus(self.nr_buses);
        let child = self.buses.get(below.0).ok_or(ENOMEM)?.get();
        let parent = self.buses.get(above.0).ok_or(EINVAL)?.get();
        let bridge = self.raw(dev);

        self.nr_buses += 1;
        // SAFETY: Elements of ours; `child` is zeroed.
        unsafe {
            (*bridge).hdr_type = bindings::PCI_HEADER_TYPE_BRIDGE as u8;
            (*bridge).subordinate = child;
            (*child).number = number;
            (*child).sysdata = (*parent).sysdata;
            (*child).parent = parent;
            (*child).self_ = bridge;
        }
        Ok((dev, below))
    }

    /// Gives `dev` a trait that ordinary devices do not have.
    pub(crate) fn give(&mut self, dev: Dev, what: Trait) {
        let raw = self.raw(dev);
        let sriov = self.sriov.get();
        let quirk = bindings::pci_dev_flags_PCI_DEV_FLAGS_ACS_ENABLED_QUIRK;

        // SAFETY: Elements of ours, that nobody else has: `self` is borrowed exclusively.
        unsafe {
            match what {
                Trait::VirtualOf(physical) => {
                    (*raw).set_is_virtfn(1);
                    (*raw).__bindgen_anon_1.physfn = self.raw(physical);
                }
                Trait::Physical(nr) => {
                    (*raw).set_is_physfn(1);
                    (*raw).__bindgen_anon_1.sriov = sriov;
                    (*sriov).num_VFs = nr;
                }
                // CAST: the flag is one of the 16 bits.
                Trait::AcsQuirk => (*raw).dev_flags |= quirk as u16,
                Trait::Removed => (*raw).priv_flags |= 1 << bindings::PCI_DEV_REMOVED,
            }
        }
    }

    /// The device, as the core has it.
    pub(crate) fn get(&self, dev: Dev) -> &pci::Device {
        // SAFETY: By the type invariants, a device whose pointers lead to what lives as long as
        // `self`. `pci::Device` is a transparent wrapper.
        unsafe { &*self.raw(dev).cast() }
    }

    /// # Panics
    ///
    /// If it is of another forest.
    fn raw(&self, dev: Dev) -> *mut bindings::pci_dev {
        self.devices[dev.0].get()
    }
}

/// A forest whose trees are all alike, and what is known about it.
pub(crate) struct Shape {
    /// How many segments, each with one endpoint or more.
    pub(crate) segments: u32,
    /// How many endpoints there are in each, at most 256.
    pub(crate) endpoints: u16,
    /// The functions between the host bridge and the endpoint, that one included.
    pub(crate) depth: u8,
}

/// What grows in a [`Shape`].
pub(crate) struct Grown {
    pub(crate) forest: Forest,
    /// Segment by segment.
    pub(crate) endpoints: KVVec<Dev>,
    /// Segment by segment, the root port first.
    pub(crate) bridges: KVVec<Dev>,
}

impl Shape {
    /// The first of the segments. Real ones are below.
    pub(crate) const FIRST: u32 = 0x10_0000;

    /// How many bridges there are in all.
    pub(crate) fn nr_bridges(&self) -> usize {
        // CAST: no bits are lost.
        self.segments as usize * (usize::from(self.depth) - 1)
    }

    /// How many endpoints there are in all.
    pub(crate) fn nr_endpoints(&self) -> usize {
        // CAST: no bits are lost.
        self.segments as usize * usize::from(self.endpoints)
    }

    /// In each segment, bridges below each other, and below the last of them all endpoints.
    pub(crate) fn grow(&self) -> Result<Grown> {
        let devices = self.nr_bridges() + self.nr_endpoints();
        // CAST: no bits are lost.
        let segments = self.segments as usize;
        let mut grown = Grown {
            forest: Forest::with_room(segments, segments + self.nr_bridges(), devices)?,
            endpoints: KVVec::with_capacity(self.nr_endpoints(), GFP_KERNEL)?,
            bridges: KVVec::with_capacity(self.nr_bridges(), GFP_KERNEL)?,
        };

        for segment in 0..self.segments {
            let mut bus = grown.forest.root(Self::FIRST + segment, 0)?;
            for below in 1..self.depth {
                let (bridge, lower) = grown.forest.bridge(bus, 0x08, below)?;
                grown.bridges.push(bridge, GFP_KERNEL)?;
                bus = lower;
            }
            for devfn in 0..self.endpoints {
                let dev = grown.forest.endpoint(bus, u8::try_from(devfn)?)?;
                grown.endpoints.push(dev, GFP_KERNEL)?;
            }
        }
        Ok(grown)
    }

    /// The name that an endpoint should have, by its place in [`Grown::endpoints`].
    pub(crate) fn endpoint_key(&self, nr: usize) -> Key {
        let per = usize::from(self.endpoints);
        // CAST: neither exceeds what they were made of.
        let (segment, devfn) = ((nr / per) as u32, (nr % per) as u8);

        Key::new(
            Self::FIRST + segment,
            u16::from_be_bytes([self.depth - 1, devfn]),
        )
    }

    /// The name that a bridge should have, by its place in [`Grown::bridges`].
    pub(crate) fn bridge_key(&self, nr: usize) -> Key {
        let per = usize::from(self.depth) - 1;
        // CAST: neither exceeds what they were made of.
        let (segment, bus) = ((nr / per) as u32, (nr % per) as u8);

        Key::new(Self::FIRST + segment, u16::from_be_bytes([bus, 0x08]))
    }
}
