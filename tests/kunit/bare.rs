// SPDX-License-Identifier: GPL-2.0

//! Structures of devices and buses, wired by hand.
//!
//! The core reads few of their fields, and only those are set. Of registers, bridges have their bus
//! numbers. The devices cannot be registered or bound, but thousands of them are made within
//! milliseconds.

use crate::abi::Key;
use core::{
    iter,
    ptr, //
};
use kernel::{
    bindings,
    error::to_result,
    pci,
    prelude::*,
    types::Opaque, //
};

const NAME: &CStr = c"bare";

extern "C" {
    fn pci_liveupdate_test_enable_vfs(dev: *mut c_void, nr: u16) -> c_int;
}

static OPS: Ops = Ops(bindings::pci_ops {
    add_bus: None,
    remove_bus: None,
    map_bus: None,
    read: Some(read),
    write: None,
});

struct Ops(bindings::pci_ops);

// SAFETY: C only reads it.
unsafe impl Sync for Ops {}

/// A segment of a [`Topology`].
#[derive(Clone, Copy)]
struct Segment(usize);

/// A bus of a [`Topology`].
#[derive(Clone, Copy)]
pub(crate) struct Bus(usize);

/// A device of a [`Topology`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dev(usize);

/// A property that an ordinary device does not have.
pub(crate) enum Property {
    /// A Virtual Function of that device.
    VirtfnOf(Dev),
    /// A Physical Function, with so many Virtual Functions enabled.
    Physfn(u16),
    /// Its ACS is enabled by a quirk.
    AcsQuirk,
}

/// Segments, with buses and devices in them.
///
/// # Invariants
///
/// Nothing is ever added to the vectors or taken out of them, so that what is in them stays where
/// it is. Every pointer in their elements is null or to another element.
pub(crate) struct Topology {
    segments: KVVec<Opaque<bindings::pci_sysdata>>,
    buses: KVVec<Opaque<bindings::pci_bus>>,
    devices: KVVec<Opaque<bindings::pci_dev>>,
    /// How many of each are wired.
    nr_segments: usize,
    nr_buses: usize,
    nr_devices: usize,
}

impl Topology {
    /// Allocates room for so many of each.
    pub(crate) fn with_room(segments: usize, buses: usize, devices: usize) -> Result<Self> {
        // INVARIANT: all pointers are null. Nothing below changes a length.
        Ok(Self {
            segments: KVVec::zeroed(segments, GFP_KERNEL)?,
            buses: KVVec::zeroed(buses, GFP_KERNEL)?,
            devices: KVVec::zeroed(devices, GFP_KERNEL)?,
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
            start_bus(bus, number, u8::MAX);
        }
        Ok(Bus(nr))
    }

    /// Adds a device that is not a bridge.
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
            bindings::list_add_tail(&raw mut (*dev).bus_list, &raw mut (*bus).devices);
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
            start_bus(child, number, number);
            (*child).sysdata = (*parent).sysdata;
            (*child).parent = parent;
            (*child).self_ = bridge;
            forward(parent, number);
        }
        Ok((dev, below))
    }

    /// Gives `dev` a property that ordinary devices do not have.
    pub(crate) fn set(&mut self, dev: Dev, what: Property) -> Result {
        let raw = self.raw(dev);

        // SAFETY: Elements of `self`, which is borrowed exclusively.
        unsafe {
            match what {
                Property::VirtfnOf(physfn) => {
                    (*raw).set_is_virtfn(1);
                    (*raw).__bindgen_anon_1.physfn = self.raw(physfn);
                }
                Property::Physfn(nr) => {
                    return to_result(pci_liveupdate_test_enable_vfs(raw.cast(), nr));
                }
                Property::AcsQuirk => (*raw).liveupdate.acs_quirk = true,
            }
        }
        Ok(())
    }

    /// The device, as the core sees it.
    pub(crate) fn get(&self, dev: Dev) -> &pci::Device {
        // SAFETY: By the type invariants, a device whose pointers lead to what lives as long as
        // `self`. `pci::Device` is a transparent wrapper.
        unsafe { &*self.raw(dev).cast() }
    }

    /// # Panics
    ///
    /// If `dev` is of another topology.
    fn raw(&self, dev: Dev) -> *mut bindings::pci_dev {
        self.devices[dev.0].get()
    }
}

/// Gives a bus its numbers, and no devices.
///
/// # Safety
///
/// `bus` must be a bus that nobody else has.
unsafe fn start_bus(bus: *mut bindings::pci_bus, number: u8, last: u8) {
    // SAFETY: By the safety requirements of this function.
    unsafe {
        (*bus).number = number;
        (*bus).busn_res.end = last.into();
        (*bus).ops = (&raw const OPS.0).cast_mut();
        bindings::INIT_LIST_HEAD(&raw mut (*bus).devices);
    }
}

/// Has `bus` and those above it lead to bus `number`.
///
/// # Safety
///
/// `bus` must be a bus of a [`Topology`] that nobody else has.
unsafe fn forward(mut bus: *mut bindings::pci_bus, number: u8) {
    while !bus.is_null() {
        // SAFETY: By the safety requirements of this function; what is above it is of the same
        // topology.
        unsafe {
            (*bus).busn_res.end = (*bus).busn_res.end.max(number.into());
            bus = (*bus).parent;
        }
    }
}

/// # Safety
///
/// `bus` must be a bus of a [`Topology`], `value` valid for a write.
unsafe extern "C" fn read(
    bus: *mut bindings::pci_bus,
    devfn: c_uint,
    at: c_int,
    _size: c_int,
    value: *mut u32,
) -> c_int {
    let next = |last: &*mut bindings::pci_dev| {
        // SAFETY: By the safety requirements of this function; `last` is null or on the bus.
        let bridge = unsafe { bindings::pci_liveupdate_next_bridge(bus, *last) };
        (!bridge.is_null()).then_some(bridge)
    };
    let mut bridges = iter::successors(next(&ptr::null_mut()), next);
    // SAFETY: Devices of the topology.
    let bridge = bridges.find(|bridge| unsafe { (**bridge).devfn } == devfn);

    // CAST: offsets are `int` in C.
    let found = bridge.filter(|_| at == bindings::PCI_PRIMARY_BUS as c_int);
    // SAFETY: A bridge of the topology has a bus below it.
    let buses = found.map(|bridge| unsafe {
        let below = (*bridge).subordinate;
        // CAST: bus numbers have 8 bits.
        [
            (*bus).number,
            (*below).number,
            (*below).busn_res.end as u8,
            0,
        ]
    });
    // SAFETY: By the safety requirements of this function.
    unsafe { *value = buses.map_or(u32::MAX, u32::from_le_bytes) };
    bindings::PCIBIOS_SUCCESSFUL as c_int
}

/// How a topology looks whose segments are all alike.
pub(crate) struct Shape {
    /// How many segments, each with one endpoint or more.
    pub(crate) segments: u32,
    /// How many endpoints there are in each, at most 256.
    pub(crate) endpoints: u16,
    /// The functions between the host bridge and the endpoint, that one included.
    pub(crate) depth: u8,
}

/// A topology, and all devices in it.
pub(crate) struct Built {
    pub(crate) topology: Topology,
    /// Segment by segment.
    pub(crate) endpoints: KVVec<Dev>,
    /// Segment by segment, the root port first.
    pub(crate) bridges: KVVec<Dev>,
}

impl Shape {
    /// The first of the segments. Those of real devices are below.
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

    /// Builds it: in each segment, bridges below each other, and below the last one all endpoints.
    pub(crate) fn build(&self) -> Result<Built> {
        let devices = self.nr_bridges() + self.nr_endpoints();
        // CAST: no bits are lost.
        let segments = self.segments as usize;
        let mut built = Built {
            topology: Topology::with_room(segments, segments + self.nr_bridges(), devices)?,
            endpoints: KVVec::with_capacity(self.nr_endpoints(), GFP_KERNEL)?,
            bridges: KVVec::with_capacity(self.nr_bridges(), GFP_KERNEL)?,
        };

        for segment in 0..self.segments {
            let mut bus = built.topology.root(Self::FIRST + segment, 0)?;
            for below in 1..self.depth {
                let (bridge, lower) = built.topology.bridge(bus, 0x08, below)?;
                built.bridges.push(bridge, GFP_KERNEL)?;
                bus = lower;
            }
            for devfn in 0..self.endpoints {
                let dev = built.topology.endpoint(bus, u8::try_from(devfn)?)?;
                built.endpoints.push(dev, GFP_KERNEL)?;
            }
        }
        Ok(built)
    }

    /// The address that an endpoint should have, by its place in [`Built::endpoints`].
    pub(crate) fn endpoint_key(&self, nr: usize) -> Key {
        let per = usize::from(self.endpoints);
        // CAST: neither exceeds what they were made of.
        let (segment, devfn) = ((nr / per) as u32, (nr % per) as u8);

        Key::new(
            Self::FIRST + segment,
            u16::from_be_bytes([self.depth - 1, devfn]),
        )
    }

    /// The address that a bridge should have, by its place in [`Built::bridges`].
    pub(crate) fn bridge_key(&self, nr: usize) -> Key {
        let per = usize::from(self.depth) - 1;
        // CAST: neither exceeds what they were made of.
        let (segment, bus) = ((nr / per) as u32, (nr % per) as u8);

        Key::new(Self::FIRST + segment, u16::from_be_bytes([bus, 0x08]))
    }
}
