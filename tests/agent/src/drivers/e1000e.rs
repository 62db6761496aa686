// SPDX-License-Identifier: GPL-2.0

//! An Intel 82574 that receives.
//!
//! The ring is polled. Its position is in the state; the card has it as well, in the register for
//! the tail, and [`Card::check`] compares them.

use std::os::fd::OwnedFd;
use std::sync::atomic::fence;
use std::sync::atomic::Ordering; //

use crate::drivers::halves;
use crate::drivers::index;
use crate::drivers::memory::Area;
use crate::drivers::memory::Free;
use crate::drivers::memory::Memory;
use crate::drivers::memory::PAGE;
use crate::drivers::require;
use crate::drivers::Window;
use crate::errno::Result;
use crate::frames::Seen;
use crate::vfio;
use crate::wire::Word; //

const BAR: u32 = 0;

const CTRL: usize = 0x0000;
const CTRL_RESET: u32 = 1 << 26;
const CTRL_LINK_UP: u32 = 1 << 6;
const IMC: usize = 0x00d8;
const RCTL: usize = 0x0100;
const RCTL_ENABLE: u32 = 1 << 1;
const RCTL_BROADCAST: u32 = 1 << 15;
/// Buffers of 256 bytes.
const RCTL_SIZE_256: u32 = 3 << 16;
const RCTL_STRIP_CRC: u32 = 1 << 26;
const RDBAL: usize = 0x2800;
const RDBAH: usize = 0x2804;
const RDLEN: usize = 0x2808;
const RDH: usize = 0x2810;
const RDT: usize = 0x2818;

/// How often a register is read until a reset must be done.
const PATIENCE: usize = 100_000;

/// A legacy descriptor: the address of its buffer, then what the card writes back.
const DESCRIPTOR: usize = 16;
const LENGTH: usize = 8;
const WRITTEN: usize = 12;
const WRITTEN_DONE: u32 = 1 << 0;
const WRITTEN_END: u32 = 1 << 1;

const BUFFER: usize = 256;
const RING_PAGES: usize = 60;
const RING_BYTES: u32 = 60 * 4096;
/// At a thousand frames a second, the ring is full after 15 seconds.
const DESCRIPTORS: usize = RING_PAGES * PAGE / DESCRIPTOR;
const LAST: u32 = 60 * 4096 / 16 - 1;
const BUFFER_PAGES: usize = DESCRIPTORS * BUFFER / PAGE;

/// The state: the descriptor that user space reads next, then the pages of ring and buffers.
const NEXT: usize = 0;
const RING: usize = 16;
const BUFFERS: usize = RING + RING_PAGES;

/// A card with its memory.
pub(super) struct Card {
    registers: Window,
    memory: Memory,
    ring: Area,
    /// In any order: no buffer crosses a page.
    buffers: Area,
}

fn set_up(memory: &mut Memory) -> Result<()> {
    let mut free = Free::all(memory);

    memory.set_word(NEXT, 0)?;
    free.take(memory, RING, RING_PAGES)?;
    for word in BUFFERS..BUFFERS + BUFFER_PAGES {
        free.take(memory, word, 1)?;
    }
    Ok(())
}

/// Resets a card, and makes it receive into memory that was prepared.
pub(super) fn start(device: &OwnedFd, memfd: &OwnedFd) -> Result<()> {
    set_up(&mut Memory::open(memfd)?)?;
    vfio::start(device)?;
    let mut card = Card::open(device, memfd)?;

    card.stop()?;
    card.fill()?;
    card.receive()
}

impl Card {
    /// Opens a card that was started, in this kernel or in an earlier one. Writes nothing.
    pub(super) fn open(device: &OwnedFd, memfd: &OwnedFd) -> Result<Self> {
        let memory = Memory::open(memfd)?;

        Ok(Self {
            registers: Window(vfio::bar(device, BAR)?),
            ring: memory.area(RING, RING_PAGES)?,
            buffers: memory.area(BUFFERS, BUFFER_PAGES)?,
            memory,
        })
    }

    /// Resets the card. It accesses no memory after that.
    pub(super) fn stop(&mut self) -> Result<()> {
        self.registers.write(IMC, u32::MAX)?;
        self.registers.write(RCTL, 0)?;
        self.registers.write(CTRL, CTRL_RESET)?;
        for _ in 0..PATIENCE {
            if self.registers.read(CTRL)? & CTRL_RESET == 0 {
                // The mask was reset as well.
                return self.registers.write(IMC, u32::MAX);
            }
        }
        require("the reset of the card ends", false)
    }

    /// Tells each descriptor its buffer.
    fn fill(&mut self) -> Result<()> {
        for at in 0..DESCRIPTORS {
            let buffer = self.memory.physical(self.buffers.at(at * BUFFER)?)?;
            let descriptor = self.ring.at(at * DESCRIPTOR)?;

            self.memory.window.write_u64(descriptor, buffer)?;
        }
        Ok(())
    }

    fn ring_address(&self) -> Result<[u32; 2]> {
        Ok(halves(self.memory.physical(self.ring.at(0)?)?))
    }

    fn receive(&mut self) -> Result<()> {
        let [low, high] = self.ring_address()?;

        self.registers.write(RDBAL, low)?;
        self.registers.write(RDBAH, high)?;
        self.registers.write(RDLEN, RING_BYTES)?;
        self.registers.write(RDH, 0)?;
        self.registers.write(CTRL, CTRL_LINK_UP)?;
        self.registers.write(
            RCTL,
            RCTL_ENABLE | RCTL_BROADCAST | RCTL_SIZE_256 | RCTL_STRIP_CRC,
        )?;
        self.advance()
    }

    /// Returns the first descriptor that the card must not use.
    fn tail(&self) -> Result<u32> {
        let next = self.memory.word(NEXT)?;
        Ok(next.checked_sub(1).unwrap_or(LAST))
    }

    /// Returns the descriptors that were read to the card.
    fn advance(&mut self) -> Result<()> {
        fence(Ordering::Release);
        self.registers.write(RDT, self.tail()?)
    }

    /// Checks that the card receives into this memory. Writes nothing.
    pub(super) fn check(&self) -> Result<()> {
        let registers = &self.registers;
        let address = [registers.read(RDBAL)?, registers.read(RDBAH)?];

        require("it receives", registers.read(RCTL)? & RCTL_ENABLE != 0)?;
        require("it has this ring", address == self.ring_address()?)?;
        require("of this length", registers.read(RDLEN)? == RING_BYTES)?;
        require(
            "up to this descriptor",
            registers.read(RDT)? == self.tail()?,
        )
    }

    fn written(&self, at: usize) -> Result<u32> {
        let descriptor = self.ring.at(at % DESCRIPTORS * DESCRIPTOR)?;

        self.memory.window.read(descriptor + WRITTEN)
    }

    /// Returns how many frames can be read.
    fn waiting(&self) -> Result<usize> {
        let next = index(self.memory.word(NEXT)?)?;

        for count in 0..DESCRIPTORS {
            if self.written(next + count)? & WRITTEN_DONE == 0 {
                return Ok(count);
            }
        }
        Ok(DESCRIPTORS)
    }

    /// Returns whether the card receives, whether it has no descriptor left, so that frames are
    /// lost, and how many frames can be read.
    pub(super) fn statistics(&self) -> Result<Vec<Word>> {
        let receives = self.registers.read(RCTL)? & RCTL_ENABLE != 0;
        let is_full = self.registers.read(RDH)? == self.registers.read(RDT)?;
        let counts = [usize::from(receives), is_full.into(), self.waiting()?];

        Ok(counts.map(|count| count.to_string().into_bytes()).into())
    }

    /// Reads the next frame, if there is one.
    fn next(&mut self, mark: &[u8], seen: &mut Seen) -> Result<bool> {
        let at = index(self.memory.word(NEXT)?)?;
        let written = self.written(at)?;
        if written & WRITTEN_DONE == 0 {
            return Ok(false);
        }
        // The card writes the descriptor after the buffer.
        fence(Ordering::Acquire);
        require("a frame fits into its buffer", written & WRITTEN_END != 0)?;

        let descriptor = self.ring.at(at * DESCRIPTOR)?;
        let length = index(self.memory.window.read(descriptor + LENGTH)? & 0xffff)?;
        let frame = self
            .memory
            .window
            .bytes(self.buffers.at(at * BUFFER)?, length);
        let [_, errors, ..] = written.to_le_bytes();
        seen.frame(mark, errors, &frame);

        self.memory.window.write_u64(descriptor + LENGTH, 0)?;
        let next = self.memory.word(NEXT)?;
        self.memory
            .set_word(NEXT, if next == LAST { 0 } else { next + 1 })?;
        Ok(true)
    }

    /// Reads all frames that have arrived.
    pub(super) fn take(&mut self, mark: &[u8]) -> Result<Vec<Word>> {
        let mut seen = Seen::default();

        while self.next(mark, &mut seen)? {}
        self.advance()?;
        Ok(seen.words())
    }
}
