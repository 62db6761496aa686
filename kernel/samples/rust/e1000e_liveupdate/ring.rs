// SPDX-License-Identifier: GPL-2.0

//! A receive ring: frames in the order in which the card received them.
//!
//! The card owns the descriptors from its head up to its tail, and fills one after the other. The
//! driver owns the others: frames that user space has not taken yet, from [`Record::next`] up to
//! the head, and one that is never filled, so that a full ring differs from an empty one.

use crate::{
    memory::{
        padded,
        Buffer,
        Canary,
        Descriptor,
        Memory,
        Record,
        Written,
        BUFFERS_AT,
        BUFFER_SIZE,
        CANARY,
        CANARY_WORDS,
        COMPATIBLE,
        DESCRIPTORS,
        DESCRIPTORS_AT, //
    },
    receiver::Stopped, //
};
use kernel::{
    io::{
        io_project,
        io_read,
        io_write,
        Io,
        SysMem, //
    },
    kho::{
        Address,
        Dma,
        Folio,
        Handle,
        Shared, //
    },
    prelude::*,
    sync::barrier::{
        dma_mb,
        Read, //
    }, //
};

/// [`DESCRIPTORS`], as it is in the record.
// CAST: It is no more than 2^16.
const COUNT: u32 = DESCRIPTORS as u32;

/// A frame that user space has not taken yet.
pub(crate) struct Frame {
    /// The errors that the card found.
    pub(crate) errors: u8,
    /// Whether the frame ends here. Otherwise it continues in the next one.
    pub(crate) end: bool,
    data: Buffer,
    length: usize,
}

impl Frame {
    /// Returns the bytes of the frame.
    pub(crate) fn data(&self) -> &[u8] {
        self.data.get(..self.length).unwrap_or(&self.data)
    }
}

/// A ring that a card receives into.
///
/// If it is dropped, its memory is leaked, since the card may be writing to it. [`Ring::free`]
/// frees the memory.
pub(crate) struct Ring {
    memory: Shared<Memory>,
    /// User space takes no more frames, since the next kernel is about to be executed.
    pub(crate) frozen: bool,
}

impl Ring {
    /// How many frames fit.
    pub(crate) const CAPACITY: usize = DESCRIPTORS - 1;

    /// Creates a ring for a card that is idle.
    ///
    /// The memory is preserved from the start, since a ring in use cannot be moved. So a kexec
    /// without a live update loses it until the next boot, unless the driver was unbound before.
    pub(crate) fn new(device: &CStr) -> Result<Self> {
        let mut memory = Folio::<Memory>::zeroed(size_of::<Memory>())?;
        let buffers = (memory.phys() + BUFFERS_AT..).step_by(BUFFER_SIZE);

        memory.record.compatible = padded(COMPATIBLE.to_bytes());
        memory.record.device = padded(device.to_bytes());
        memory.record.descriptors = COUNT;
        for (descriptor, buffer) in memory.descriptors.iter_mut().zip(buffers) {
            descriptor.address = buffer;
        }
        memory.before_descriptors.fill(CANARY);
        memory.before_buffers.fill(CANARY);
        memory.after_buffers.fill(CANARY);

        Ok(Self {
            memory: memory.share()?,
            frozen: false,
        })
    }

    /// Takes over a ring that the card is receiving into at this moment.
    pub(crate) fn take(handle: Handle<Dma>) -> Result<Self> {
        let ring = Self {
            memory: Shared::take(handle)?,
            frozen: false,
        };

        ring.check()?;
        Ok(ring)
    }

    /// Frees the memory. The card that was stopped must be the card of this ring.
    pub(crate) fn free(self, _stopped: &Stopped) {
        // The memory must not look like a ring any more.
        io_project!(self.record(), .compatible).copy_write([0; 32]);
        // SAFETY: The card was reset and not started since, so it does not access the memory. It
        // was the only one that was told of it.
        drop(unsafe { self.memory.into_folio() });
    }

    fn record(&self) -> SysMem<'_, Record> {
        io_project!(self.memory, .record)
    }

    /// Checks what another kernel wrote.
    fn check(&self) -> Result {
        let record = self.record();
        let buffers = (self.address().as_raw() + BUFFERS_AT..).step_by(BUFFER_SIZE);

        if io_project!(record, .compatible).copy_read() != padded(COMPATIBLE.to_bytes())
            || io_read!(record, .descriptors) != COUNT
            || io_read!(record, .next) >= COUNT
        {
            pr_err!("the preserved ring has another format\n");
            return Err(EINVAL);
        }
        for (at, buffer) in (0..DESCRIPTORS).zip(buffers) {
            if io_read!(self.memory, .descriptors[try: at].address) != buffer {
                pr_err!(
                    "descriptor {} of the preserved ring has another buffer\n",
                    at
                );
                return Err(EINVAL);
            }
        }
        Ok(())
    }

    /// Returns the address, for the next kernel.
    pub(crate) fn address(&self) -> Address<Dma> {
        self.memory.address()
    }

    /// Returns whether this is the ring of the PCI function of that name.
    pub(crate) fn is_of(&self, device: &CStr) -> bool {
        io_project!(self.record(), .device).copy_read() == padded(device.to_bytes())
    }

    /// Returns where the card finds the descriptors.
    pub(crate) fn descriptors(&self) -> u64 {
        self.address().as_raw() + DESCRIPTORS_AT
    }

    /// Returns the size of the descriptors.
    pub(crate) const fn descriptor_bytes() -> u32 {
        // CAST: The ring has less than 2^20 bytes.
        (DESCRIPTORS * size_of::<Descriptor>()) as u32
    }

    /// Returns the index of the descriptor whose frame user space takes next.
    fn next(&self) -> usize {
        // CAST: A `u32` fits into a `usize`.
        io_read!(self.record(), .next) as usize
    }

    /// Returns the index of the first descriptor that the card must not use.
    pub(crate) fn tail(&self) -> u16 {
        // CAST: All indices fit into a `u16`.
        self.next().checked_sub(1).unwrap_or(DESCRIPTORS - 1) as u16
    }

    fn written(&self, at: usize) -> Result<Written> {
        Ok(Written::from(
            io_read!(self.memory, .descriptors[try: at].written),
        ))
    }

    /// Returns the next frame for user space, if there is one.
    pub(crate) fn peek(&self) -> Result<Option<Frame>> {
        let at = self.next();
        let written = self.written(at)?;

        if !written.done() {
            return Ok(None);
        }
        // The card writes the descriptor after the buffer.
        dma_mb(Read);
        Ok(Some(Frame {
            errors: u8::from(written.errors()),
            end: written.end_of_packet(),
            data: io_project!(self.memory, .buffers[try: at]).copy_read(),
            length: usize::from(u16::from(written.length())),
        }))
    }

    /// Removes the next frame. The card may use its descriptor once it has the new tail.
    pub(crate) fn consume(&mut self) -> Result {
        let record = self.record();
        let at = self.next();

        io_write!(self.memory, .descriptors[try: at].written, 0);
        // CAST: All indices fit into a `u16`.
        io_write!(record, .next, ((at + 1) % DESCRIPTORS) as u32);
        io_write!(record, .delivered, io_read!(record, .delivered) + 1);
        Ok(())
    }

    /// Returns how many frames user space has taken.
    pub(crate) fn delivered(&self) -> u64 {
        io_read!(self.record(), .delivered)
    }

    /// Returns how many frames user space can take.
    pub(crate) fn waiting(&self) -> Result<usize> {
        let next = self.next();

        for count in 0..DESCRIPTORS {
            if !self.written((next + count) % DESCRIPTORS)?.done() {
                return Ok(count);
            }
        }
        Ok(DESCRIPTORS)
    }

    /// Returns whether the canaries have the values that were written at the start.
    pub(crate) fn canaries_intact(&self) -> bool {
        let intact = |canary: SysMem<'_, Canary>| {
            (0..CANARY_WORDS).all(|at| io_read!(canary, [panic: at]) == CANARY)
        };

        intact(io_project!(self.memory, .before_descriptors))
            && intact(io_project!(self.memory, .before_buffers))
            && intact(io_project!(self.memory, .after_buffers))
    }
}
