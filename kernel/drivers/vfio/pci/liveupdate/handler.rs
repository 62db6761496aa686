// SPDX-License-Identifier: GPL-2.0

//! What becomes of a file when LUO calls.
//!
//! ```text
//!  old kernel    preserve()        the device is checked, marked, and goes into the handover
//!                freeze()          user space and interrupts are kept away from it
//!                unfreeze()        as before
//!  ------------- kexec
//!  new kernel    retrieve()        a new file, once the driver is bound
//!                retrieve_again()  the same file, for whoever may open the device
//!                can_finish()      a device that nobody has taken over is stopped
//!                finish()          a device like any other
//! ```
//!
//! When a driver is unbound, its device is closed if nobody but LUO holds the file. The session
//! still has that file: it cannot be frozen, so that the kexec is refused until the session is
//! closed, nor retrieved again.

use crate::{
    format::{
        self,
        FileSer,
        Location,
        Unreadable, //
    },
    table::{
        Entry,
        State, //
    },
    vfio::{
        self,
        Marked, //
    },
};
use kernel::{
    fs::File,
    kho::{
        Address,
        Cpu,
        Handle,
        Preserved,
        Restored, //
    },
    liveupdate::file::{
        Finish,
        Handler,
        Incoming,
        NotRetrieved,
        RetrievedFile, //
    },
    pci,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    }, //
};

/// The handler.
pub(crate) struct Files;

/// What the old kernel keeps for a file. Dropping it unpreserves the device, which the state of the
/// entry has.
pub(crate) struct Outgoing {
    entry: Arc<Entry>,
    _ser: Preserved<FileSer>,
}

fn location(dev: &pci::Device) -> Location {
    let (domain, bdf) = dev.location();

    Location { domain, bdf }
}

/// Returns the device that was handed over, if it is there.
fn handed_over(location: Location) -> Result<ARef<pci::Device>> {
    let found = pci::Device::find(location.domain, location.bdf);

    found.filter(|dev| dev.is_incoming()).ok_or_else(|| {
        pr_err!("{location}: no device of the previous kernel, its file cannot be retrieved\n");
        ENODEV
    })
}

/// Stops a device that nobody takes over. Nothing can be done about one that cannot be stopped.
pub(crate) fn stop(dev: &pci::Device, reason: &CStr) {
    if dev.is_running() {
        let stopped = dev.liveupdate_abandon(reason);

        if stopped.is_err() {
            dev_err!(dev, "has pending transactions\n");
        }
    }
}

/// Opens the device at a location, and adds the file to the list.
fn open(location: Location) -> Result<ARef<File>> {
    let dev = handed_over(location)?;
    let file = vfio::retrieve(&dev)?;
    let listed = vfio::hold(&file).and_then(|()| Entry::add(&file, dev.clone(), State::Incoming));

    listed.inspect_err(|_| vfio::finish(&file))?;
    // Binding the file blocks all addresses, which the device would notice at any time.
    if vfio::has_iommu(&dev) {
        stop(&dev, c"an IOMMU translates its addresses");
    }
    Ok(file)
}

/// Stops the device of a retrieved file, unless somebody is there who has given it memory.
fn stop_unless_used(entry: &Entry, file: &RetrievedFile<'_>) {
    let state = entry.state.lock();

    if matches!(*state, State::Incoming) && !(file.in_use() && vfio::has_memory(file)) {
        stop(&entry.pdev, c"nobody has taken it over");
    }
}

/// Reads which device a file is about.
fn read(handle: &Handle<Cpu>) -> Result<Location> {
    let ser = handle.peek::<FileSer>().inspect_err(|err| {
        pr_err!("a file is handed over without memory: {err:?}\n");
    })?;

    ser.location().map_err(|unreadable| {
        pr_err!("a file is handed over {unreadable}\n");
        match unreadable {
            Unreadable::Version(_) => EPROTONOSUPPORT,
            Unreadable::Reserved(_) => EINVAL,
        }
    })
}

/// Returns the device of a file that was not retrieved.
fn untouched(handle: &Handle<Cpu>) -> Option<ARef<pci::Device>> {
    let location = read(handle).ok()?;

    pci::Device::find(location.domain, location.bdf)
}

#[vtable]
impl Handler for Files {
    const COMPATIBLE: &'static CStr = format::COMPATIBLE;

    type Access = Cpu;
    type Outgoing = KBox<Outgoing>;

    /// Any file of VFIO, so that whatever cannot be preserved is refused with a reason.
    fn can_preserve(file: &File) -> bool {
        vfio::is_vfio(file)
    }

    fn preserve(file: &File) -> Result<(Address<Cpu>, Self::Outgoing)> {
        let mut ser = Preserved::<FileSer>::zeroed(size_of::<FileSer>())?;
        let (marked, pdev) = Marked::new(file)?;

        *ser = FileSer::new(location(&pdev));
        let outgoing = pdev.liveupdate_preserve()?;
        let address = ser.address();
        let entry = Entry::add(file, pdev, State::Outgoing { outgoing, marked })?;

        Ok((
            address,
            KBox::new(Outgoing { entry, _ser: ser }, GFP_KERNEL)?,
        ))
    }

    fn freeze(file: &File, outgoing: &mut Outgoing) -> Result {
        let entry = &outgoing.entry;
        let state = entry.state.lock();

        if matches!(*state, State::Dead) {
            dev_err!(
                entry.pdev,
                "its driver was unbound: close the Live Update session of its file\n"
            );
            return Err(ENODEV);
        }
        vfio::freeze(file)
    }

    fn unfreeze(file: &File, outgoing: &mut Outgoing) {
        let state = outgoing.entry.state.lock();

        if !matches!(*state, State::Dead) {
            vfio::unfreeze(file);
        }
    }

    fn retrieve(handle: Handle<Cpu>) -> Result<ARef<File>, NotRetrieved<Cpu>> {
        let location = read(&handle)?;

        match open(location) {
            Ok(file) => {
                // What it says is known now.
                drop(Restored::<FileSer>::take(handle));
                Ok(file)
            }
            Err(err) => Err(NotRetrieved::Retry(err, handle)),
        }
    }

    fn retrieve_again(file: &File) -> Result {
        let entry = Entry::of(file).ok_or(ENODEV)?;
        let state = entry.state.lock();

        if matches!(*state, State::Dead) {
            return Err(ENODEV);
        }
        if !vfio::may_use(file) {
            return Err(EPERM);
        }
        vfio::hold(file)
    }

    /// A session can always be finished. Memory of other files goes before a device does, so it
    /// must be stopped here.
    fn can_finish(incoming: &Incoming<'_, Cpu>) -> bool {
        match incoming {
            Incoming::Untouched(handle) => {
                if let Some(dev) = untouched(handle) {
                    stop(&dev, c"its file was not retrieved");
                }
            }
            Incoming::Retrieved(file) => {
                if let Some(entry) = Entry::of(file) {
                    stop_unless_used(&entry, file);
                }
            }
            // Which device it is about could not be read.
            Incoming::Failed { .. } => (),
        }
        true
    }

    fn finish(incoming: Incoming<'_, Cpu>, finish: Finish<'_>) {
        let dev = match incoming {
            Incoming::Retrieved(file) => Entry::of(&file).map(|entry| entry.finish(&file)),
            Incoming::Untouched(handle) => {
                let dev = untouched(&handle);

                drop(Restored::<FileSer>::take(handle));
                dev
            }
            Incoming::Failed { .. } => None,
        };

        if let Some(dev) = dev {
            dev.liveupdate_finish(finish);
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.entry.remove();
        *self.entry.state.lock() = State::Dead;
    }
}
