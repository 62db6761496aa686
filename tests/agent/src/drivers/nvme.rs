// SPDX-License-Identifier: GPL-2.0

//! An NVMe controller with one pair of I/O queues, for the first namespace.
//!
//! The queues are polled. Where they are read on, and which commands are under way, is in the state,
//! so the agent of the next kernel gets the completions that this one has not read.

mod blocks;
mod queue;

use std::os::fd::OwnedFd; //

use crate::drivers::memory::Free;
use crate::drivers::memory::Memory;
use crate::drivers::memory::PAGE;
use crate::drivers::nvme::queue::Command;
use crate::drivers::nvme::queue::Queue;
use crate::drivers::require;
use crate::drivers::Window;
use crate::errno::Result;
use crate::vfio; //

const BAR: u32 = 0;

const CAP: usize = 0x00;
const INTMS: usize = 0x0c;
const CC: usize = 0x14;
const CC_ENABLE: u32 = 1 << 0;
/// Entries of 64 and 16 bytes, pages of 4096.
const CC_SIZES: u32 = 6 << 16 | 4 << 20;
const CSTS: usize = 0x1c;
const CSTS_READY: u32 = 1 << 0;
const CSTS_FATAL: u32 = 1 << 1;
const AQA: usize = 0x24;
const ASQ: usize = 0x28;
const ACQ: usize = 0x30;

/// How often something is read until it must be there.
const PATIENCE: usize = 5_000_000;

/// The commands of the admin queue.
const CREATE_SUBMISSIONS: u32 = 0x01;
const CREATE_COMPLETIONS: u32 = 0x05;
const IDENTIFY: u32 = 0x06;
const PHYSICALLY_CONTIGUOUS: u32 = 1 << 0;
/// Completions of the I/O queue raise the first vector, like those of the admin queue.
const INTERRUPTS_ENABLED: u32 = 1 << 1;

/// The only namespace that is used.
const NAMESPACE: u32 = 1;

// The state.
/// Two queues, of as many words as each needs.
const ADMIN: usize = 0;
const IO: usize = 64;
/// The page that the controller identifies itself in.
const IDENTIFIED: usize = 128;
/// The logarithm of the size of an LBA.
const SHIFT: usize = 129;
/// The number of commands so far.
const NUMBER: usize = 130;
/// The pages for data, one for each entry of the I/O queue.
const DATA: usize = 1024;
/// What is under way, for each entry of the I/O queue.
const SLOTS: usize = 2048;

/// A controller with its memory.
pub(super) struct Controller {
    registers: Window,
    memory: Memory,
    admin: Queue,
    io: Queue,
}

fn set_up(memory: &mut Memory) -> Result<()> {
    let mut free = Free::all(memory);

    for word in 0..SLOTS + queue::IO_ENTRIES * blocks::SLOT_WORDS {
        memory.set_word(word, 0)?;
    }
    queue::set_up(memory, &mut free, ADMIN, queue::ADMIN_ENTRIES)?;
    queue::set_up(memory, &mut free, IO, queue::IO_ENTRIES)?;
    free.take(memory, IDENTIFIED, 1)?;
    for word in DATA..DATA + queue::IO_ENTRIES {
        free.take(memory, word, 1)?;
    }
    Ok(())
}

/// Resets a controller, and starts it with memory that was prepared.
pub(super) fn start(device: &OwnedFd, memfd: &OwnedFd) -> Result<()> {
    set_up(&mut Memory::open(memfd)?)?;
    vfio::start(device)?;
    let mut controller = Controller::open(device, memfd)?;

    controller.stop()?;
    controller.enable()?;
    controller.identify()?;
    controller.create_queues()
}

impl Controller {
    /// Opens a controller that was started, in this kernel or in an earlier one. Writes nothing.
    pub(super) fn open(device: &OwnedFd, memfd: &OwnedFd) -> Result<Self> {
        let memory = Memory::open(memfd)?;
        let registers = Window(vfio::bar(device, BAR)?);
        // The distance of doorbells.
        let stride = 4 << (registers.read(CAP + 4)? & 0xf);

        Ok(Self {
            admin: Queue::open(&memory, ADMIN, queue::ADMIN_ENTRIES, 0, stride)?,
            io: Queue::open(&memory, IO, queue::IO_ENTRIES, 1, stride)?,
            registers,
            memory,
        })
    }

    fn wait_until_ready(&self, ready: bool) -> Result<()> {
        for _ in 0..PATIENCE {
            let status = self.registers.read(CSTS)?;
            require("the controller works", status & CSTS_FATAL == 0)?;
            if (status & CSTS_READY != 0) == ready {
                return Ok(());
            }
        }
        require("the controller follows in time", false)
    }

    /// Disables the controller. It accesses no memory after that.
    pub(super) fn stop(&mut self) -> Result<()> {
        self.registers.write(CC, 0)?;
        self.wait_until_ready(false)
    }

    fn enable(&mut self) -> Result<()> {
        let entries = queue::last(queue::ADMIN_ENTRIES)?;
        let [submissions, completions] = self.admin.addresses(&self.memory)?;

        self.registers.write(INTMS, u32::MAX)?;
        self.registers.write(AQA, entries << 16 | entries)?;
        self.registers.write_u64(ASQ, submissions)?;
        self.registers.write_u64(ACQ, completions)?;
        self.registers.write(CC, CC_SIZES | CC_ENABLE)?;
        self.wait_until_ready(true)
    }

    /// Checks that the controller runs with this memory. Writes nothing.
    pub(super) fn check(&self) -> Result<()> {
        let status = self.registers.read(CSTS)?;
        let [submissions, completions] = self.admin.addresses(&self.memory)?;

        require("the controller works", status & CSTS_FATAL == 0)?;
        require("the controller is ready", status & CSTS_READY != 0)?;
        require(
            "it submits here",
            self.registers.read_u64(ASQ)? == submissions,
        )?;
        require(
            "it completes here",
            self.registers.read_u64(ACQ)? == completions,
        )
    }

    /// Executes a command of the admin queue.
    fn admin(&mut self, command: &Command) -> Result<()> {
        self.admin.submit(&mut self.memory, command)?;
        self.admin.ring(&self.memory, &mut self.registers)?;
        for _ in 0..PATIENCE {
            let Some(done) = self.admin.next(&mut self.memory)? else {
                continue;
            };
            self.admin.advance(&self.memory, &mut self.registers)?;
            return require("the command of the admin queue works", done.status == 0);
        }
        require("a command of the admin queue ends", false)
    }

    /// Asks for the size of an LBA.
    fn identify(&mut self) -> Result<()> {
        let page = self.memory.area(IDENTIFIED, 1)?.at(0)?;
        let mut command = Command::new(IDENTIFY, 0, self.memory.physical(page)?);
        command.namespace(NAMESPACE);
        self.admin(&command)?;

        // The format that is in use, out of the list of formats.
        let [_, _, format, _] = self.memory.window.read(page + 24)?.to_le_bytes();
        let format = self
            .memory
            .window
            .read(page + 128 + 4 * usize::from(format & 0xf))?;
        let [_, _, shift, _] = format.to_le_bytes();
        require("an LBA has up to a page", (9..=12).contains(&shift))?;
        self.memory.set_word(SHIFT, shift.into())
    }

    fn create_queues(&mut self) -> Result<()> {
        let [submissions, completions] = self.io.addresses(&self.memory)?;
        let size = queue::last(queue::IO_ENTRIES)? << 16 | 1;

        let mut command = Command::new(CREATE_COMPLETIONS, 0, completions);
        command.arguments([size, INTERRUPTS_ENABLED | PHYSICALLY_CONTIGUOUS, 0]);
        self.admin(&command)?;
        let mut command = Command::new(CREATE_SUBMISSIONS, 0, submissions);
        command.arguments([size, 1 << 16 | PHYSICALLY_CONTIGUOUS, 0]);
        self.admin(&command)
    }

    /// The number of LBAs in a page.
    fn lbas(&self) -> Result<u32> {
        let page = u32::try_from(PAGE).unwrap_or(0);

        Ok(page.checked_shr(self.memory.word(SHIFT)?).unwrap_or(0))
    }
}
