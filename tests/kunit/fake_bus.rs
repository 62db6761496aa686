// SPDX-License-Identifier: GPL-2.0

//! A host bridge that exists in memory only, with a PCI segment of its own.
//!
//! ```text
//!   FakeBus::new()   plug(), plug()    scan()   device(), remove(), rescan()   drop
//!   the segment      functions appear  the PCI core enumerates and removes     all are removed
//! ```
//!
//! The PCI core calls all its hooks as usual. Its configuration accesses are routed by the bus
//! numbers in the bridges to a [`Config`] per function, and every write is logged. No driver binds,
//! as the devices are never added.

use super::{
    config::{
        Config,
        Numbers, //
    },
    fixture::Fixture,
    hardware::{
        Function,
        Hardware,
        Write,
        ROOT, //
    }, //
};
use crate::{
    abi::Key,
    device, //
};
use core::{
    cell::Cell,
    marker::PhantomData,
    ops::Deref,
    ptr, //
};
use kernel::{
    bindings,
    new_spinlock,
    pci,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        },
        SpinLock, //
    },
    types::Opaque, //
};

/// No real segment has such a number: those of ACPI have 16 bits, and VMD goes on from there.
static NEXT_DOMAIN: Atomic<u32> = Atomic::new(0x12000);

static OPS: Ops = Ops(bindings::pci_ops {
    add_bus: None,
    remove_bus: None,
    map_bus: None,
    read: Some(read),
    write: Some(write),
});

struct Ops(bindings::pci_ops);

// SAFETY: C only reads it.
unsafe impl Sync for Ops {}

/// A host bridge with everything below it.
///
/// Its devices have slots in the core of the fixture, which is why it cannot outlive that one.
///
/// # Invariants
///
/// `root` is null, or the root bus that [`scan`](Self::scan) made, whose `sysdata` is this.
#[pin_data(PinnedDrop)]
#[repr(C)]
pub(crate) struct FakeBus<'a> {
    // The PCI core of x86 wants this at the start of what `sysdata` points to.
    sysdata: Opaque<bindings::pci_sysdata>,
    /// All bus numbers of the segment.
    numbers: Opaque<bindings::resource>,
    domain: u32,
    root: Cell<*mut bindings::pci_bus>,
    #[pin]
    hardware: SpinLock<Hardware>,
    fixture: PhantomData<&'a Fixture>,
}

impl<'a> FakeBus<'a> {
    /// Makes an empty segment.
    pub(crate) fn new(_: &'a Fixture) -> Result<Pin<KBox<Self>>> {
        let domain = NEXT_DOMAIN.fetch_add(1, Relaxed);
        let sysdata = bindings::pci_sysdata {
            // CAST: there are far less than 2^31 tests.
            domain: domain as c_int,
            node: bindings::NUMA_NO_NODE,
            ..Default::default()
        };
        let numbers = bindings::resource {
            start: ROOT.into(),
            end: u8::MAX.into(),
            // CAST: the flag is one of the lower 32 bits.
            flags: bindings::IORESOURCE_BUS as c_ulong,
            ..Default::default()
        };

        // INVARIANT: there is no root bus.
        KBox::try_pin_init(
            try_pin_init!(Self {
                sysdata: Opaque::new(sysdata),
                numbers: Opaque::new(numbers),
                domain,
                root: Cell::new(ptr::null_mut()),
                hardware <- new_spinlock!(Hardware::new()),
                fixture: PhantomData,
            }),
            GFP_KERNEL,
        )
    }

    /// Has a function appear, on the root bus or under a bridge.
    pub(crate) fn plug(
        &self,
        under: Option<Function>,
        devfn: u8,
        config: Config,
    ) -> Result<Function> {
        self.hardware.lock().plug(under, devfn, config)
    }

    /// Has a function disappear, without telling the PCI core.
    pub(crate) fn unplug(&self, function: Function) {
        self.hardware.lock().unplug(function);
    }

    /// Has the PCI core enumerate the host bridge. To be called once.
    pub(crate) fn scan(&self) -> Result {
        let windows = Opaque::<bindings::list_head>::uninit();

        // SAFETY: `windows` is a list for the time of the call, that is empty after it. `OPS` lives
        // forever, and `self` until the root bus is removed: it is pinned, and `drop()` sees to the
        // order.
        let root = locked(|| unsafe {
            bindings::INIT_LIST_HEAD(windows.get());
            bindings::pci_add_resource(windows.get(), self.numbers.get());
            bindings::pci_scan_root_bus(
                ptr::null_mut(),
                c_int::from(ROOT),
                (&raw const OPS.0).cast_mut(),
                self.sysdata.get().cast(),
                windows.get(),
            )
        });

        // INVARIANT: either null, or made just now.
        self.root.set(root);
        if root.is_null() {
            // SAFETY: Nobody has taken what is in the list.
            unsafe { bindings::pci_free_resource_list(windows.get()) };
            return Err(ENOMEM);
        }
        Ok(())
    }

    /// Has the PCI core enumerate the functions that it does not know yet.
    pub(crate) fn rescan(&self) {
        let root = self.root.get();

        if !root.is_null() {
            // SAFETY: By the type invariant, the bus is there.
            locked(|| unsafe { bindings::pci_scan_child_bus(root) });
        }
    }

    /// Has the PCI core remove a device, with everything below it.
    pub(crate) fn remove(&self, dev: Device<'_>) {
        let raw = ptr::from_ref(&*dev.0).cast_mut().cast();

        // SAFETY: A device of this segment, which is not gone while `dev` holds it.
        locked(|| unsafe { bindings::pci_stop_and_remove_bus_device(raw) });
    }

    /// The address of a function, as the bridges above it are set up now.
    pub(crate) fn key(&self, function: Function) -> Option<Key> {
        let bdf = self.hardware.lock().bdf(function)?;

        Some(Key::new(self.domain, bdf))
    }

    /// The device of a function, if the PCI core has enumerated it.
    pub(crate) fn device(&self, function: Function) -> Option<Device<'_>> {
        let dev = device::find(self.key(function)?);

        dev.map(|dev| Device(dev, PhantomData))
    }

    /// The value of a register, whatever software may read.
    pub(crate) fn get16(&self, function: Function, at: usize) -> u16 {
        let mut hardware = self.hardware.lock();

        hardware.config(function).map_or(0, |c| c.get16(at))
    }

    /// The same of a register of 8 bits.
    pub(crate) fn get8(&self, function: Function, at: usize) -> u8 {
        let mut hardware = self.hardware.lock();

        hardware.config(function).map_or(0, |c| c.get8(at))
    }

    /// Has the hardware change a register of 8 bits.
    pub(crate) fn set8(&self, function: Function, at: usize, value: u8) {
        let mut hardware = self.hardware.lock();

        if let Some(config) = hardware.config(function) {
            config.set8(at, value);
        }
    }

    /// Has the hardware change a register.
    pub(crate) fn set16(&self, function: Function, at: usize, value: u16) {
        let mut hardware = self.hardware.lock();

        if let Some(config) = hardware.config(function) {
            config.set16(at, value);
        }
    }

    /// The bus numbers in a bridge.
    pub(crate) fn numbers(&self, function: Function) -> Option<Numbers> {
        let mut hardware = self.hardware.lock();

        hardware.config(function).and_then(|c| c.numbers())
    }

    /// What the kernel has written since the last call.
    pub(crate) fn take_writes(&self) -> KVec<Write> {
        self.hardware.lock().take_writes()
    }

    /// # Safety
    ///
    /// `bus` must be below a root bus that [`scan`](Self::scan) made.
    unsafe fn of<'b>(bus: *mut bindings::pci_bus) -> (&'b Self, u8) {
        // SAFETY: The `sysdata` of each bus is that of the root bus, which is the first field of a
        // `FakeBus`, by the safety requirements and the type invariant.
        unsafe { (&*(*bus).sysdata.cast(), (*bus).number) }
    }
}

#[pinned_drop]
impl PinnedDrop for FakeBus<'_> {
    fn drop(self: Pin<&mut Self>) {
        let root = self.root.get();

        if !root.is_null() {
            // SAFETY: By the type invariant, the bus is there, and nothing else removes it.
            locked(|| unsafe {
                bindings::pci_stop_root_bus(root);
                bindings::pci_remove_root_bus(root);
            });
        }
    }
}

/// A device of a [`FakeBus`], with a reference.
pub(crate) struct Device<'a>(ARef<pci::Device>, PhantomData<&'a ()>);

impl Deref for Device<'_> {
    type Target = pci::Device;

    fn deref(&self) -> &pci::Device {
        &self.0
    }
}

/// Runs `f` with `pci_rescan_remove_lock` held. It must not assert: a failed assertion ends the
/// task without unlocking.
pub(crate) fn locked<T>(f: impl FnOnce() -> T) -> T {
    // SAFETY: No test holds the lock already. It is given back below.
    unsafe { bindings::pci_lock_rescan_remove() };
    let result = f();
    // SAFETY: It was taken above.
    unsafe { bindings::pci_unlock_rescan_remove() };

    result
}

/// # Safety
///
/// `bus` must be below a root bus of a [`FakeBus`], `value` valid for a write.
unsafe extern "C" fn read(
    bus: *mut bindings::pci_bus,
    devfn: c_uint,
    at: c_int,
    size: c_int,
    value: *mut u32,
) -> c_int {
    // SAFETY: By the safety requirements of this function.
    let (fake, number) = unsafe { FakeBus::of(bus) };
    let hardware = fake.hardware.lock();
    // CAST: a device and function number has 8 bits; offset and size are small and positive.
    let (devfn, at, size) = (devfn as u8, at as usize, size as usize);

    // SAFETY: By the safety requirements of this function.
    unsafe { *value = hardware.read((number, devfn), at, size) };
    bindings::PCIBIOS_SUCCESSFUL as c_int
}

/// # Safety
///
/// `bus` must be below a root bus of a [`FakeBus`].
unsafe extern "C" fn write(
    bus: *mut bindings::pci_bus,
    devfn: c_uint,
    at: c_int,
    size: c_int,
    value: u32,
) -> c_int {
    // SAFETY: By the safety requirements of this function.
    let (fake, number) = unsafe { FakeBus::of(bus) };
    let mut hardware = fake.hardware.lock();
    // CAST: as in `read()`.
    let (devfn, at, size) = (devfn as u8, at as usize, size as usize);

    hardware.write((number, devfn), at, size, value);
    bindings::PCIBIOS_SUCCESSFUL as c_int
}
