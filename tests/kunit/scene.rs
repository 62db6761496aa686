// SPDX-License-Identifier: GPL-2.0

//! What the core remembers while a test runs.

use crate::{
    abi::{
        DevSer,
        Key,
        Ser, //
    },
    memory::Memory,
    outgoing,
    state::{
        set_handover,
        Handover,
        In,
        Out,
        STATE, //
    },
    world,
    xindex::XIndex, //
};
use core::{
    mem::offset_of,
    ops::{
        Deref,
        DerefMut, //
    }, //
};
use kernel::prelude::*;
use zerocopy::{
    FromBytes,
    IntoBytes, //
};

/// An array in memory like any other, so that tests need no KHO.
pub(crate) struct Plain(KVVec<DevSer>);

impl Plain {
    /// Room for `entries`, all of them free.
    pub(crate) fn with_room(entries: usize) -> Result<Self> {
        // The header takes as much as an entry.
        let all = KVVec::from_elem(DevSer::default(), entries + 1, GFP_KERNEL)?;

        Ok(Self(all))
    }

    /// An array as a previous kernel leaves it: each function with its count.
    pub(crate) fn handed_over(entries: &[(Key, u16)]) -> Result<Self> {
        let mut ser = Self::with_room(entries.len())?;

        ser.max_nr_devices = u32::try_from(entries.len())?;
        ser.nr_devices = ser.max_nr_devices;
        for (dev, (key, refcount)) in ser.devices.iter_mut().zip(entries) {
            *dev = DevSer {
                domain: key.domain(),
                bdf: key.bdf(),
                refcount: *refcount,
            };
        }
        Ok(ser)
    }

    /// Where `nr_devices` stays, for whoever writes to memory that is the core's by then.
    fn nr_devices(&mut self) -> *mut u32 {
        let header = self.0.as_mut_ptr().cast::<u32>();

        header.wrapping_byte_add(offset_of!(Ser, nr_devices))
    }
}

impl Deref for Plain {
    type Target = Ser;

    fn deref(&self) -> &Ser {
        match Ser::ref_from_bytes(self.0.as_slice().as_bytes()) {
            Ok(ser) => ser,
            Err(_) => unreachable!("a header and whole entries, aligned like an entry"),
        }
    }
}

impl DerefMut for Plain {
    fn deref_mut(&mut self) -> &mut Ser {
        match Ser::mut_from_bytes(self.0.as_mut_slice().as_mut_bytes()) {
            Ok(ser) => ser,
            Err(_) => unreachable!("a header and whole entries, aligned like an entry"),
        }
    }
}

/// Forgets everything, also what a test that failed left behind.
pub(crate) fn clear() {
    set_handover(Handover::Nothing);
    world::enable(true);

    let (outgoing, incoming) = {
        let mut state = STATE.lock();
        (state.outgoing.take(), state.incoming.take())
    };
    drop((outgoing, incoming));
}

/// Has drivers preserve devices, up to `entries` with the bridges above them.
pub(crate) fn begin_outgoing(entries: usize) -> Result {
    clear();
    add_outgoing(entries)
}

/// The same while a previous kernel's devices are not finished.
pub(crate) fn add_outgoing(entries: usize) -> Result {
    put_outgoing(Plain::with_room(entries)?)
}

fn put_outgoing(ser: Plain) -> Result {
    let outgoing = Out::new(Memory::Plain(ser), XIndex::new()?);

    STATE.lock().outgoing = Some(outgoing);
    Ok(())
}

/// Like [`begin_outgoing`]. Returns where the number of the used entries is, which is valid until
/// [`clear`].
pub(crate) fn begin_exposed(entries: usize) -> Result<*mut u32> {
    let mut ser = Plain::with_room(entries)?;
    let nr_devices = ser.nr_devices();

    clear();
    put_outgoing(ser)?;
    Ok(nr_devices)
}

/// What is seen of the array for the next kernel by the last look at it.
pub(crate) fn is_sound() -> Option<bool> {
    STATE.lock().outgoing.as_ref().map(outgoing::inspect)
}

/// Has a previous kernel hand `entries` over.
pub(crate) fn begin_incoming(entries: &[(Key, u16)]) -> Result {
    let ser = Memory::Plain(Plain::handed_over(entries)?);
    let incoming = In::decode(ser, XIndex::new()?).map_err(|_| EINVAL)?;

    clear();
    STATE.lock().incoming = Some(incoming);
    set_handover(Handover::Devices);
    Ok(())
}

/// The count of `key` in the array for the next kernel.
pub(crate) fn outgoing_count(key: Key) -> u16 {
    let state = STATE.lock();
    let mut entries = state.outgoing.iter().flat_map(Out::iter);

    entries
        .find_map(|(dev, _)| (dev.key() == key).then_some(dev.refcount))
        .unwrap_or(0)
}

/// The used entries of the array for the next kernel, or what the next kernel would say of it.
pub(crate) fn nr_outgoing() -> Option<usize> {
    let state = STATE.lock();
    let outgoing = state.outgoing.as_ref()?;

    outgoing.check().ok()?;
    usize::try_from(outgoing.ser().nr_devices).ok()
}

/// Has a previous kernel hand something over that cannot be read, and contains its devices.
pub(crate) fn begin_contained() {
    clear();
    set_handover(Handover::Contained);
}

/// Copies the array for the next kernel to where a test has it. It must be of the same size.
pub(crate) fn copy_outgoing(to: &mut Ser) -> bool {
    let state = STATE.lock();
    let from = state.outgoing.as_ref().map(|outgoing| outgoing.ser());

    from.is_some_and(|from| {
        let fits = from.devices.len() == to.devices.len();
        if fits {
            to.max_nr_devices = from.max_nr_devices;
            to.nr_devices = from.nr_devices;
            to.devices.copy_from_slice(&from.devices);
        }
        fits
    })
}

/// The count of `key` that the previous kernel left, less what was finished.
pub(crate) fn incoming_count(key: Key) -> u16 {
    let state = STATE.lock();

    state.incoming.as_ref().map_or(0, |i| i.count(key))
}

/// Whether `key` was handed over and is there now.
pub(crate) fn is_found(key: Key) -> bool {
    let state = STATE.lock();
    let mut entries = state.incoming.iter().flat_map(In::iter);

    entries.any(|(dev, arrival)| dev.key() == key && arrival.found)
}
