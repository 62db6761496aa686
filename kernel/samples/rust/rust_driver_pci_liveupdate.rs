// SPDX-License-Identifier: GPL-2.0

//! Rust PCI driver sample: a device that keeps running while the kernel is replaced.
//!
//! The driver binds to any device, if user space says so:
//!
//! ```sh
//! echo rust_driver_pci_liveupdate > /sys/bus/pci/devices/0000:01:00.0/driver_override
//! echo 0000:01:00.0 > /sys/bus/pci/drivers_probe
//! ```
//!
//! Each device has a file, here `/dev/pci-liveupdate-0000:01:00.0`. Up to 64 bytes can be written
//! to it and read back. An open file can be preserved in a session of `/dev/liveupdate`. Then the
//! device keeps running over the next `kexec`. Once it is bound in the new kernel, a file with the
//! same content can be retrieved from the session.
//!
//! ```text
//!  old kernel   open()  preserve()  write()  freeze()
//!                          |                    |
//!                       the device is       the content
//!                       kept running        is saved        ---- kexec ---->
//!
//!  new kernel   probe()         retrieve()            read()   finish()
//!                  |                |                             |
//!               the device is    a file is created for         the device is
//!               left as it is    the bound device              like any other
//! ```
//!
//! What a driver has to consider:
//!
//! - [`Driver::probe`]: an incoming device is in use.
//! - [`Files::preserve`]: the device comes last, after everything that can fail. Dropping undoes
//!   what was done.
//! - [`Files::freeze`]: user space can change the state until then.
//! - [`Files::retrieve`]: the state that the previous kernel saved may be wrong.
//! - [`Files::can_finish`]: a device whose file was not retrieved is stopped.
//! - A device can be unbound at any time, also while a file of it is open or preserved. The file
//!   and its [`Endpoint`] stay, but a live update with them fails.
//!
//! With `dma_bits=N` on its command line, the driver gives each device a page that it can reach by
//! DMA, at an address of no more than N bits, and says which. That is for trying out what becomes
//! of such an address where an IOMMU translates it.

use core::{
    mem,
    ptr, //
};
use kernel::{
    device::{
        self,
        Core, //
    },
    dma::{
        Coherent,
        Device as _,
        DmaMask, //
    },
    driver,
    fmt,
    fs::{
        file::flags,
        File,
        Kiocb, //
    },
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    kho,
    liveupdate::{
        self,
        file::{
            Finish,
            Handler,
            Incoming,
            NotRetrieved, //
        }, //
    },
    miscdevice::{
        MiscDevice,
        MiscDeviceRegistration,
        NamedRegistration, //
    },
    new_mutex,
    page::PAGE_SIZE,
    pci,
    prelude::*,
    str::{
        BStr,
        CString, //
    },
    sync::{
        aref::ARef,
        global_lock,
        Arc,
        Mutex, //
    }, //
};
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// The prefix of the names of the device nodes.
const NODE: &str = "pci-liveupdate-";

/// The maximum number of bytes that can be written to a file.
const MAX_CONTENT: usize = 64;

/// The name of a device (`0000:01:00.0`), padded with zeroes.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
struct Name([u8; 32]);

impl Name {
    fn new(name: &[u8]) -> Result<Self> {
        let mut padded = [0; 32];
        let start = padded.get_mut(..name.len()).ok_or(ENAMETOOLONG)?;

        start.copy_from_slice(name);
        Ok(Self(padded))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.split(|byte| *byte == 0).next().unwrap_or(&self.0);

        BStr::from_bytes(name).fmt(f)
    }
}

/// The state of a file, as it is preserved for the next kernel.
///
/// The version of the layout is a part of [`Files::COMPATIBLE`].
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct State {
    name: Name,
    vendor: u16,
    device: u16,
    len: u32,
    content: [u8; MAX_CONTENT],
}

impl State {
    fn set_content(&mut self, content: &[u8]) -> Result {
        let start = self.content.get_mut(..content.len()).ok_or(EMSGSIZE)?;

        start.copy_from_slice(content);
        self.len = content.len().try_into()?;
        Ok(())
    }

    fn content(&self) -> Result<&[u8]> {
        let len = usize::try_from(self.len)?;

        self.content.get(..len).ok_or(EINVAL)
    }
}

/// A device that is bound, or was bound and has open files.
#[pin_data]
struct Endpoint {
    name: Name,
    pdev: ARef<pci::Device>,
    #[pin]
    content: Mutex<KVec<u8>>,
}

impl Endpoint {
    fn new(pdev: &pci::Device) -> Result<Arc<Self>> {
        let dev: &device::Device = pdev.as_ref();
        let name = Name::new(dev.name().to_bytes())?;

        Arc::pin_init(
            try_pin_init!(Self {
                name,
                pdev: pdev.into(),
                content <- new_mutex!(KVec::new()),
            }),
            GFP_KERNEL,
        )
    }

    /// Replaces the content by what the previous kernel saved.
    fn restore(&self, state: &State) -> Result {
        let pdev = &self.pdev;

        if !pdev.is_incoming() {
            dev_err!(pdev, "not preserved by the previous kernel\n");
            return Err(ENODEV);
        }
        if (state.vendor, state.device) != (pdev.vendor_id().as_raw(), pdev.device_id()) {
            dev_err!(
                pdev,
                "the previous kernel preserved device {:04x}:{:04x} instead\n",
                state.vendor,
                state.device
            );
            return Err(ENODEV);
        }

        let mut content = KVec::new();
        content.extend_from_slice(state.content()?, GFP_KERNEL)?;
        *self.content.lock() = content;
        Ok(())
    }

    /// Creates a file with the content that the previous kernel saved.
    fn recreate(self: &Arc<Self>, state: &State) -> Result<ARef<File>> {
        let name = c"[pci-liveupdate]";

        self.restore(state)?;
        let file = MiscDeviceRegistration::<Self>::anon_file(name, self.clone(), flags::O_RDWR)?;

        TABLE.lock().add_file(&file, self.clone())?;
        Ok(file)
    }

    /// Stops an incoming device that nobody will take over.
    fn stop(&self) {
        let pdev = &self.pdev;

        if !pdev.is_incoming() {
            return;
        }
        match pdev.liveupdate_stop() {
            Ok(()) => dev_warn!(pdev, "stopped, since its file was not retrieved\n"),
            Err(err) => dev_err!(pdev, "has pending transactions: {err:?}\n"),
        }
    }
}

/// The objects that PCI, files and LUO have to find, each by a key of its own.
struct Table {
    /// The devices that are bound.
    bound: KVec<Arc<Endpoint>>,
    /// The open files, by their address, and the devices that they were opened for.
    files: KVec<(usize, Arc<Endpoint>)>,
}

global_lock! {
    // SAFETY: `SampleModule::init()` initializes it before it registers anything.
    unsafe(uninit) static TABLE: Mutex<Table> = Table {
        bound: KVec::new(),
        files: KVec::new(),
    };
}

impl Table {
    /// Returns the device of that name, if it is bound.
    fn bound(&self, name: &Name) -> Option<Arc<Endpoint>> {
        self.bound.iter().find(|dev| dev.name == *name).cloned()
    }

    /// Fails if the device was unbound since `dev` was opened, even if it is bound again: another
    /// driver may have changed it.
    fn check_bound(&self, dev: &Arc<Endpoint>) -> Result {
        if !self.bound.iter().any(|bound| Arc::ptr_eq(bound, dev)) {
            dev_err!(dev.pdev, "was unbound after the file was opened\n");
            return Err(ENODEV);
        }
        Ok(())
    }

    /// Returns the device that the file was opened for, if it is a file of this driver.
    fn opened_for(&self, file: &File) -> Option<Arc<Endpoint>> {
        let found = self.files.iter().find(|(addr, _)| *addr == address(file));

        found.map(|(_, dev)| dev.clone())
    }

    fn add_file(&mut self, file: &File, dev: Arc<Endpoint>) -> Result {
        Ok(self.files.push((address(file), dev), GFP_KERNEL)?)
    }

    fn remove_file(&mut self, file: &File) {
        remove(&mut self.files, |(addr, _)| *addr == address(file));
    }
}

/// Returns the key of an open file.
fn address(file: &File) -> usize {
    ptr::from_ref(file).addr()
}

/// Removes elements, and frees the memory of an empty list, since a static is never dropped.
fn remove<T>(list: &mut KVec<T>, matches: impl Fn(&T) -> bool) {
    list.retain(|element| !matches(element));
    if list.is_empty() {
        *list = KVec::new();
    }
}

#[vtable]
impl MiscDevice for Endpoint {
    type Ptr = Arc<Self>;

    fn open(file: &File, misc: &MiscDeviceRegistration<Self>) -> Result<Arc<Self>> {
        let node = misc.device().name().to_bytes();
        let name = Name::new(node.strip_prefix(NODE.as_bytes()).ok_or(ENODEV)?)?;
        let mut table = TABLE.lock();
        let dev = table.bound(&name).ok_or(ENODEV)?;

        table.add_file(file, dev.clone())?;
        Ok(dev)
    }

    fn release(_dev: Arc<Self>, file: &File) {
        TABLE.lock().remove_file(file);
    }

    fn read_iter(mut kiocb: Kiocb<'_, Arc<Self>>, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let dev = kiocb.file();
        let content = dev.content.lock();

        iov.simple_read_from_buffer(kiocb.ki_pos_mut(), &content)
    }

    fn write_iter(mut kiocb: Kiocb<'_, Arc<Self>>, iov: &mut IovIterSource<'_>) -> Result<usize> {
        if iov.len() > MAX_CONTENT {
            return Err(EMSGSIZE);
        }

        let mut content = KVec::new();
        let len = iov.copy_from_iter_vec(&mut content, GFP_KERNEL)?;

        *kiocb.file().content.lock() = content;
        // The next read returns what was written.
        *kiocb.ki_pos_mut() = 0;
        Ok(len)
    }
}

/// What the old kernel keeps for a preserved file. Dropping it unpreserves the file.
struct Preserved {
    _outgoing: pci::liveupdate::Outgoing,
    state: kho::Preserved<State>,
    dev: Arc<Endpoint>,
}

/// The handler for the files of this driver.
struct Files;

#[vtable]
impl Handler for Files {
    const COMPATIBLE: &'static CStr = c"rust-pci-liveupdate-v1";

    type Access = kho::Cpu;
    type Outgoing = KBox<Preserved>;

    fn can_preserve(file: &File) -> bool {
        TABLE.lock().opened_for(file).is_some()
    }

    fn preserve(file: &File) -> Result<(kho::Address<kho::Cpu>, Self::Outgoing)> {
        let dev = TABLE.lock().opened_for(file).ok_or(ENODEV)?;
        TABLE.lock().check_bound(&dev)?;

        let mut state = kho::Preserved::<State>::zeroed(size_of::<State>())?;

        state.name = dev.name;
        state.vendor = dev.pdev.vendor_id().as_raw();
        state.device = dev.pdev.device_id();

        // A driver for real hardware would prepare the device to run without it.
        let preserved = Preserved {
            _outgoing: dev.pdev.liveupdate_preserve()?,
            state,
            dev,
        };

        Ok((preserved.state.address(), KBox::new(preserved, GFP_KERNEL)?))
    }

    fn freeze(_file: &File, preserved: &mut Preserved) -> Result {
        let dev = &preserved.dev;

        TABLE.lock().check_bound(dev)?;
        preserved.state.set_content(&dev.content.lock())
    }

    fn retrieve(handle: kho::Handle<kho::Cpu>) -> Result<ARef<File>, NotRetrieved<kho::Cpu>> {
        let state = kho::Restored::<State>::take(handle)?;
        let bound = TABLE.lock().bound(&state.name);
        let dev = bound.ok_or(ENODEV).inspect_err(|_| {
            pr_err!(
                "{} is not bound, its file cannot be retrieved\n",
                state.name
            );
        })?;

        // The file cannot be retrieved again after a failure.
        Ok(dev.recreate(&state).inspect_err(|_| dev.stop())?)
    }

    /// Stops the device of a file that was not retrieved. A session with a retrieved file can be
    /// finished while the device has its driver.
    fn can_finish(incoming: &Incoming<'_, kho::Cpu>) -> bool {
        match incoming {
            Incoming::Untouched(handle) => {
                if let Some(dev) = untouched(handle) {
                    dev.stop();
                }
                true
            }
            Incoming::Retrieved(file) => {
                let table = TABLE.lock();

                table
                    .opened_for(file)
                    .is_none_or(|dev| table.bound(&dev.name).is_some() || !dev.pdev.is_incoming())
            }
            Incoming::Failed { .. } => true,
        }
    }

    fn finish(incoming: Incoming<'_, kho::Cpu>, finish: Finish<'_>) {
        let dev = match incoming {
            Incoming::Retrieved(file) => TABLE.lock().opened_for(&file),
            Incoming::Untouched(handle) => {
                let dev = untouched(&handle);

                // This frees the state. If it is not valid, there is nothing to free.
                drop(kho::Restored::<State>::take(handle));
                dev
            }
            // The state is gone, and with it the name. The device is left to the PCI core.
            Incoming::Failed { .. } => None,
        };

        if let Some(dev) = dev {
            dev.pdev.liveupdate_finish(finish);
        }
    }
}

/// Returns the device of a file that was not retrieved, if it is bound.
fn untouched(handle: &kho::Handle<kho::Cpu>) -> Option<Arc<Endpoint>> {
    let state = handle.peek::<State>().ok()?;

    TABLE.lock().bound(&state.name)
}

/// The entry of a bound device in the table.
struct Entry(Arc<Endpoint>);

impl Entry {
    fn new(dev: Arc<Endpoint>) -> Result<Self> {
        TABLE.lock().bound.push(dev.clone(), GFP_KERNEL)?;
        Ok(Self(dev))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        remove(&mut TABLE.lock().bound, |dev| Arc::ptr_eq(dev, &self.0));
    }
}

/// The data of a bound device. The node is dropped first, so that it cannot be opened without the
/// entry.
#[pin_data]
struct Bound {
    #[pin]
    node: NamedRegistration<Endpoint>,
    _entry: Entry,
}

/// Gives the device a page that it can reach by DMA, if the command line says so.
///
/// It is never taken back: user space may have told the device to use it.
fn add_dma_page(pdev: &pci::Device<Core<'_>>) -> Result {
    let bits = module_parameters::dma_bits.value();
    if bits == 0 {
        return Ok(());
    }

    // SAFETY: Only `probe()` allocates DMA memory for the device, and only below.
    unsafe { pdev.dma_set_mask_and_coherent(DmaMask::try_new(bits)?)? };

    let page = Coherent::<[u8; PAGE_SIZE]>::zeroed(pdev.as_ref(), GFP_KERNEL)?;
    dev_info!(
        pdev,
        "has a page at DMA address {:#x}\n",
        page.dma_address()
    );
    mem::forget(page);
    Ok(())
}

struct Driver;

// Nothing matches: the driver binds to a device only if user space says so.
kernel::pci_device_table!(PCI_TABLE, <Driver as pci::Driver>::IdInfo, []);

impl pci::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = Bound;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;
    const LIVEUPDATE: bool = true;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        pin_init::pin_init_scope(move || {
            // An incoming device is running and in use. A driver for real hardware would reset and
            // set up any other device here. These two calls change nothing on an incoming one.
            pdev.enable_device_mem()?;
            pdev.set_master();
            add_dma_page(pdev)?;
            if pdev.is_incoming() {
                dev_info!(pdev, "left running by the previous kernel\n");
            }

            let dev: &device::Device = pdev.as_ref();
            let name = CString::try_from_fmt(fmt!("{NODE}{}", dev.name()))?;
            let endpoint = Endpoint::new(pdev)?;

            Ok(try_pin_init!(Bound {
                _entry: Entry::new(endpoint)?,
                node <- NamedRegistration::register(name),
            }))
        })
    }
}

#[pin_data]
struct SampleModule {
    #[pin]
    _driver: driver::Registration<pci::Adapter<Driver>>,
    _handler: Option<Pin<KBox<pci::liveupdate::Registration<Files>>>>,
}

impl SampleModule {
    /// Registers the handler. If live update is disabled, the driver does without.
    fn register() -> Result<Option<Pin<KBox<pci::liveupdate::Registration<Files>>>>> {
        if !liveupdate::is_enabled() {
            return Ok(None);
        }

        // SAFETY: This is the last step of `init()`, and the module drops the registration on exit.
        let registration = unsafe { pci::liveupdate::Registration::new() };

        Ok(Some(KBox::pin_init(registration, GFP_KERNEL)?))
    }
}

impl kernel::InPlaceModule for SampleModule {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        // SAFETY: A module is initialized once.
        unsafe { TABLE.init() };

        try_pin_init!(Self {
            _driver <- driver::Registration::new(c"rust_driver_pci_liveupdate", module),
            _handler: Self::register()?,
        })
    }
}

kernel::liveupdate_file_info!(<Files as Handler>::COMPATIBLE);

module! {
    type: SampleModule,
    name: "rust_driver_pci_liveupdate",
    authors: ["PCI Live Update maintainers"],
    description: "Rust PCI driver whose devices keep running over a live update",
    license: "GPL",
    params: {
        dma_bits: u32 {
            default: 0,
            description: "Give each device a page at a DMA address of so many bits (0: none)",
        },
    },
}
