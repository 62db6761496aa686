// SPDX-License-Identifier: GPL-2.0

//! A receive ring: frames in the order in which the card wrote them.
//!
//! The card owns the descriptors from its head up to its tail and fills them one after the other.
//! The driver owns the rest: frames that user space did not get yet, from [`Record::next`] up to
//! the head, and one descriptor that is never filled, so that a full ring is not an empty one.

use crate::memory::{
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
};
use core::mem::ManuallyDrop;
use kernel::{
    io::{
        io_project,
        io_read,
        io_write,
        Io,
        SysMem, //
    },
    kho::{
        self,
        Preserved,
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

/// A frame that user space did not get yet.
pub(crate) struct Frame {
    /// Errors that the card found, as in its descriptor.
    pub(crate) errors: u8,
    /// Whether the frame ends here. Else it goes on in the next one.
    pub(crate) end: bool,
    data: Buffer,
    length: usize,
}

impl Frame {
    /// The bytes of the frame.
    pub(crate) fn data(&self) -> &[u8] {
        self.data.get(..self.length).unwrap_or(&self.data)
    }
}

/// The memory of a ring, with the card at work in it.
///
/// The memory outlives the value. A card that still runs would write into whatever comes after it,
/// so no early return may free it by accident: [`Ring::free`] does it on purpose.
pub(crate) struct Ring {
    memory: ManuallyDrop<Shared<Memory>>,
    /// User space gets nothing any more: this kernel is about to end.
    pub(crate) frozen: bool,
}

impl Ring {
    /// How many frames fit.
    pub(crate) const CAPACITY: usize = DESCRIPTORS - 1;

    /// Makes a ring for a card that does nothing yet.
    ///
    /// The memory is preserved from the start, because a ring in use cannot move there later. What
    /// that costs is a folio that no kexec gives back, unless the driver was unbound before.
    pub(crate) fn new(device: &CStr) -> Result<Self> {
        let mut memory = Preserved::<Memory>::zeroed(size_of::<Memory>())?;
        let buffers = (memory.handle() + BUFFERS_AT..).step_by(BUFFER_SIZE);

        memory.record.compatible = padded(COMPATIBLE.to_bytes());
        memory.record.device = padded(device.to_bytes());
        memory.record.descriptors = COUNT;
        for (descriptor, buffer) in memory.descriptors.iter_mut().zip(buffers) {
            descriptor.address = buffer;
        }
        memory.before_descriptors.fill(CANARY);
        memory.before_buffers.fill(CANARY);
        memory.after_buffers.fill(CANARY);

        // From here on there is no `&mut` to it: the card works on it, too.
        Ok(Self::over(memory.share()))
    }

    /// Takes over a ring that the card is working on right now.
    ///
    /// It is preserved for the kernel after this one from the first moment on, as if this kernel
    /// had made it.
    pub(crate) fn adopt(handle: kho::Handle) -> Result<Self> {
        let ring = Self::over(Shared::take(handle)?);

        ring.check()?;
        Ok(ring)
    }

    fn over(memory: Shared<Memory>) -> Self {
        Self {
            memory: ManuallyDrop::new(memory),
            frozen: false,
        }
    }

    /// Gives the memory back. The card must have stopped.
    pub(crate) fn free(self) {
        // Whoever gets the memory next should not look like a ring.
        io_project!(self.record(), .compatible).copy_write([0; 32]);
        drop(ManuallyDrop::into_inner(self.memory));
    }

    fn record(&self) -> SysMem<'_, Record> {
        io_project!(*self.memory, .record)
    }

    /// Checks what another kernel wrote.
    fn check(&self) -> Result {
        let record = self.record();
        let buffers = (self.handle() + BUFFERS_AT..).step_by(BUFFER_SIZE);

        if io_project!(record, .compatible).copy_read() != padded(COMPATIBLE.to_bytes())
            || io_read!(record, .descriptors) != COUNT
            || io_read!(record, .next) >= COUNT
        {
            pr_err!("the ring of the previous kernel is not one of this format\n");
            return Err(EINVAL);
        }
        for (at, buffer) in (0..DESCRIPTORS).zip(buffers) {
            if io_read!(*self.memory, .descriptors[try: at].address) != buffer {
                pr_err!(
                    "descriptor {} of the previous kernel points elsewhere\n",
                    at
                );
                return Err(EINVAL);
            }
        }
        Ok(())
    }

    /// The number by which the next kernel finds the ring.
    pub(crate) fn handle(&self) -> u64 {
        self.memory.handle()
    }

    /// Whether this is the ring of the PCI function of that name.
    pub(crate) fn is_of(&self, device: &CStr) -> bool {
        io_project!(self.record(), .device).copy_read() == padded(device.to_bytes())
    }

    /// Where the card finds the descriptors.
    pub(crate) fn descriptors(&self) -> u64 {
        self.handle() + DESCRIPTORS_AT
    }

    /// How long they are.
    pub(crate) const fn descriptor_bytes() -> u32 {
        // CAST: The ring has well below 2^20 bytes.
        (DESCRIPTORS * size_of::<Descriptor>()) as u32
    }

    /// The index of the descriptor whose frame is the next for user space.
    fn next(&self) -> usize {
        // CAST: A `u32` is no longer than a `usize`.
        io_read!(self.record(), .next) as usize
    }

    /// The index of the first descriptor that the card must not use.
    pub(crate) fn tail(&self) -> u16 {
        // CAST: The indices of the ring are that short.
        self.next().checked_sub(1).unwrap_or(DESCRIPTORS - 1) as u16
    }

    fn written(&self, at: usize) -> Result<Written> {
        Ok(Written::from(
            io_read!(*self.memory, .descriptors[try: at].written),
        ))
    }

    /// The next frame for user space, if there is one.
    pub(crate) fn peek(&self) -> Result<Option<Frame>> {
        let at = self.next();
        let written = self.written(at)?;

        if !written.done() {
            return Ok(None);
        }
        // The card writes the buffer first and the descriptor last.
        dma_mb(Read);
        Ok(Some(Frame {
            errors: u8::from(written.errors()),
            end: written.end_of_packet(),
            data: io_project!(*self.memory, .buffers[try: at]).copy_read(),
            length: usize::from(u16::from(written.length())),
        }))
    }

    /// User space got the next frame. The card gets its descriptor with the next new tail.
    pub(crate) fn consume(&mut self) -> Result {
        let record = self.record();
        let at = self.next();

        io_write!(*self.memory, .descriptors[try: at].written, 0);
        // CAST: The indices of the ring are that short.
        io_write!(record, .next, ((at + 1) % DESCRIPTORS) as u32);
        io_write!(record, .delivered, io_read!(record, .delivered) + 1);
        Ok(())
    }

    /// How many frames user space got since the ring started.
    pub(crate) fn delivered(&self) -> u64 {
        io_read!(self.record(), .delivered)
    }

    /// How many frames wait for user space.
    pub(crate) fn waiting(&self) -> Result<usize> {
        let next = self.next();

        for count in 0..DESCRIPTORS {
            if !self.written((next + count) % DESCRIPTORS)?.done() {
                return Ok(count);
            }
        }
        Ok(DESCRIPTORS)
    }

    /// Whether everything around descriptors and buffers is as it was written at the start.
    pub(crate) fn canaries_alive(&self) -> bool {
        let alive = |canary: SysMem<'_, Canary>| {
            (0..CANARY_WORDS).all(|at| io_read!(canary, [panic: at]) == CANARY)
        };

        alive(io_project!(*self.memory, .before_descriptors))
            && alive(io_project!(*self.memory, .before_buffers))
            && alive(io_project!(*self.memory, .after_buffers))
    }
}
