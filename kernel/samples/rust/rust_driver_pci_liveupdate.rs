// SPDX-License-Identifier: GPL-2.0

//! Rust PCI driver sample: a device that keeps running while the kernel is replaced.
//!
//! The driver binds to any device that it is told to:
//!
//! ```sh
//! echo rust_driver_pci_liveupdate > /sys/bus/pci/devices/0000:01:00.0/driver_override
//! echo 0000:01:00.0 > /sys/bus/pci/drivers_probe
//! ```
//!
//! For each device there is a file, here `/dev/pci-liveupdate-0000:01:00.0`. What is written to it,
//! up to 64 bytes, can be read back. An open file can be preserved in a session of
//! `/dev/liveupdate`: then the device runs on through the next `kexec`, and in the new kernel, once
//! the device is bound again, the session returns a file for it with the same content.
//!
//! ```text
//!  old kernel   open()  preserve()  write()  freeze()
//!                          |                    |
//!                       the device is       the content
//!                       kept running        is saved        ---- kexec ---->
//!
//!  new kernel   probe()         retrieve()        read()   finish()
//!                  |                |                         |
//!               the device is    a file is made for        the device is
//!               left as it is    the bound device          like any other
//! ```
//!
//! What has to be thought of, and where it is done:
//!
//! - [`Driver::probe`]: an incoming device is in use.
//! - [`Files::preserve`]: what can fail comes first, the device last. What was done is undone by
//!   dropping it.
//! - [`Files::freeze`]: user space can change things up to this point.
//! - A device can lose its driver at any time, also while a file of it is open or preserved. The
//!   file lives on, and so does [`Endpoint`], but a live update with it is refused.
//! - What the previous kernel saved may not be what was expected: [`State`] is checked.

use core::ptr;
use kernel::{
    device::{
        self,
        Core, //
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
            Handler,
            Incoming, //
        }, //
    },
    miscdevice::{
        MiscDevice,
        MiscDeviceRegistration,
        NamedRegistration, //
    },
    new_mutex,
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

/// What the names of the nodes start with.
const NODE: &str = "pci-liveupdate-";

/// How many bytes can be written to a file.
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

/// What the next kernel gets: one per file, each in memory of its own.
///
/// Its version is a part of [`Files::COMPATIBLE`].
#[repr(C)]
#[derive(FromBytes, IntoBytes, KnownLayout)]
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

/// A device while it is bound, and longer if a file of it is still open.
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
            dev_err!(pdev, "not handed over by the previous kernel\n");
            return Err(ENODEV);
        }
        if (state.vendor, state.device) != (pdev.vendor_id().as_raw(), pdev.device_id()) {
            dev_err!(
                pdev,
                "expected device {:04x}:{:04x} in its place\n",
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
}

/// What the callbacks need to find: PCI, the files, and LUO each come with something else.
struct Table {
    /// The devices that are bound now.
    bound: KVec<Arc<Endpoint>>,
    /// The files that are open now, by their address, and what they were opened for.
    files: KVec<(usize, Arc<Endpoint>)>,
}

global_lock! {
    // SAFETY: Initialized by `SampleModule::init()`, before it registers anything.
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

    /// Returns an error if the device was unbound since `dev` was opened, even if it is bound
    /// again: whoever had it in the meantime may have changed it.
    fn check_bound(&self, dev: &Arc<Endpoint>) -> Result {
        if !self.bound.iter().any(|bound| Arc::ptr_eq(bound, dev)) {
            dev_err!(dev.pdev, "lost its driver since the file was opened\n");
            return Err(ENODEV);
        }
        Ok(())
    }

    /// Returns what the file was opened for, if it is one of ours.
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

/// What tells one open file from another.
fn address(file: &File) -> usize {
    ptr::from_ref(file).addr()
}

/// Removes elements, and with the last one the memory: nobody frees what is in a static.
fn remove<T>(list: &mut KVec<T>, gone: impl Fn(&T) -> bool) {
    list.retain(|element| !gone(element));
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
        // The next read starts with what was written.
        *kiocb.ki_pos_mut() = 0;
        Ok(len)
    }
}

/// What the old kernel keeps for a preserved file. Dropping it undoes everything.
struct Preserved {
    _running: pci::liveupdate::Outgoing,
    state: kho::Preserved<State>,
    dev: Arc<Endpoint>,
}

/// The files of this driver, as LUO sees them.
struct Files;

#[vtable]
impl Handler for Files {
    const COMPATIBLE: &'static CStr = c"rust-pci-liveupdate-v1";

    type Outgoing = KBox<Preserved>;

    fn can_preserve(file: &File) -> bool {
        TABLE.lock().opened_for(file).is_some()
    }

    fn preserve(file: &File) -> Result<(u64, Self::Outgoing)> {
        let dev = TABLE.lock().opened_for(file).ok_or(ENODEV)?;
        TABLE.lock().check_bound(&dev)?;

        let mut state = kho::Preserved::<State>::zeroed(size_of::<State>())?;

        state.name = dev.name;
        state.vendor = dev.pdev.vendor_id().as_raw();
        state.device = dev.pdev.device_id();

        // With a driver for real hardware, this is where the device is told to go on by itself.
        let preserved = Preserved {
            _running: dev.pdev.liveupdate_preserve()?,
            state,
            dev,
        };

        Ok((preserved.state.handle(), KBox::new(preserved, GFP_KERNEL)?))
    }

    fn freeze(_file: &File, preserved: &mut Preserved) -> Result {
        let dev = &preserved.dev;

        TABLE.lock().check_bound(dev)?;
        preserved.state.set_content(&dev.content.lock())
    }

    fn retrieve(handle: kho::Handle) -> Result<ARef<File>> {
        let state = kho::Restored::<State>::take(handle)?;
        let bound = TABLE.lock().bound(&state.name);
        let dev = bound.ok_or(ENODEV).inspect_err(|_| {
            pr_err!("{} is not bound, its file is lost\n", state.name);
        })?;

        dev.restore(&state)?;

        let name = c"[pci-liveupdate]";
        let file = MiscDeviceRegistration::<Endpoint>::anon_file(name, dev.clone(), flags::O_RDWR)?;

        TABLE.lock().add_file(&file, dev)?;
        Ok(file)
    }

    /// Only a device that has its driver is in good hands. Nobody waits for one that is gone.
    fn can_finish(incoming: &Incoming<'_>) -> bool {
        match incoming {
            Incoming::Untouched(_) => false,
            Incoming::Retrieved(file) => {
                let table = TABLE.lock();

                table
                    .opened_for(file)
                    .is_none_or(|dev| table.bound(&dev.name).is_some() || !dev.pdev.is_incoming())
            }
            Incoming::Failed(_) => true,
        }
    }

    fn finish(incoming: Incoming<'_>) {
        let dev = match incoming {
            Incoming::Retrieved(file) => TABLE.lock().opened_for(file),
            // What the previous kernel saved is used up: the device is left to the PCI core.
            Incoming::Failed(_) | Incoming::Untouched(_) => None,
        };

        if let Some(incoming) = dev.and_then(|dev| dev.pdev.liveupdate_incoming()) {
            incoming.finish();
        }
    }
}

/// A device in the table, for as long as it is bound.
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

/// What a bound device has. The node goes first, so that nobody opens a device that is not there.
#[pin_data]
struct Bound {
    #[pin]
    node: NamedRegistration<Endpoint>,
    _entry: Entry,
}

struct Driver;

// Nothing matches: the driver gets a device only if somebody says so.
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
            // An incoming device is running, for a user who relies on it. A driver for real
            // hardware would reset any other device here, and set it up. Both of these find it as
            // they want it, and change nothing.
            pdev.enable_device_mem()?;
            pdev.set_master();
            if pdev.is_incoming() {
                dev_info!(pdev, "running since the previous kernel\n");
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
    /// Without live updates, the driver is one like any other.
    fn register() -> Result<Option<Pin<KBox<pci::liveupdate::Registration<Files>>>>> {
        if !liveupdate::is_enabled() {
            return Ok(None);
        }

        // SAFETY: `init()` calls this last, and the module drops the registration on exit.
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

module! {
    type: SampleModule,
    name: "rust_driver_pci_liveupdate",
    authors: ["PCI Live Update maintainers"],
    description: "Rust PCI driver whose devices survive a live update",
    license: "GPL",
}
