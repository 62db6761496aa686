// SPDX-License-Identifier: GPL-2.0

//! A pair of queues: one for commands, and one for their completions.
//!
//! A completion is new if its phase is that of the current round through the queue, which begins
//! with 1 and changes with each round.

use std::sync::atomic::fence;
use std::sync::atomic::Ordering; //

use crate::drivers::halves;
use crate::drivers::index;
use crate::drivers::memory::Area;
use crate::drivers::memory::Free;
use crate::drivers::memory::Memory;
use crate::drivers::memory::PAGE;
use crate::drivers::Window;
use crate::errno::Errno;
use crate::errno::Result; //

pub(super) const ADMIN_ENTRIES: usize = 32;
pub(super) const IO_ENTRIES: usize = 512;

const COMMAND: usize = 64;
const COMPLETION: usize = 16;
const DOORBELLS: usize = 0x1000;

// The state of a queue.
/// The entry for the next command.
const TAIL: usize = 0;
/// The entry of the next completion, and its phase.
const HEAD: usize = 1;
const PHASE: usize = 2;
/// The pages.
const SUBMISSIONS: usize = 8;
const COMPLETIONS: usize = 32;

fn pages(entries: usize, size: usize) -> usize {
    (entries * size).div_ceil(PAGE)
}

/// The number of the last entry, which is how the controller is told the size of a queue.
pub(super) fn last(entries: usize) -> Result<u32> {
    u32::try_from(entries - 1).map_err(|err| Errno::invalid(err.to_string()))
}

/// Takes the memory of a queue. Its state is at `word`, and was cleared.
pub(super) fn set_up(
    memory: &mut Memory,
    free: &mut Free,
    word: usize,
    entries: usize,
) -> Result<()> {
    free.take(memory, word + SUBMISSIONS, pages(entries, COMMAND))?;
    free.take(memory, word + COMPLETIONS, pages(entries, COMPLETION))?;
    memory.set_word(word + PHASE, 1)
}

/// A command.
pub(super) struct Command([u32; COMMAND / 4]);

impl Command {
    /// Creates a command with an id of the caller, for data or a queue at that address.
    pub(super) fn new(opcode: u32, id: u16, address: u64) -> Self {
        let mut words = [0; COMMAND / 4];

        words[0] = opcode | u32::from(id) << 16;
        [words[6], words[7]] = halves(address);
        Self(words)
    }

    pub(super) fn namespace(&mut self, number: u32) {
        self.0[1] = number;
    }

    /// Sets the words 10 to 12, which are different for each command.
    pub(super) fn arguments(&mut self, arguments: [u32; 3]) {
        [self.0[10], self.0[11], self.0[12]] = arguments;
    }
}

/// What the controller tells of a command.
pub(super) struct Completion {
    pub(super) id: u16,
    /// 0 if the command was executed.
    pub(super) status: u32,
}

/// A pair of queues.
pub(super) struct Queue {
    state: usize,
    submissions: Area,
    completions: Area,
    last: u32,
    doorbells: [usize; 2],
}

impl Queue {
    /// Opens a queue whose state is at `word`. `stride` is the distance of doorbells.
    pub(super) fn open(
        memory: &Memory,
        word: usize,
        entries: usize,
        id: usize,
        stride: usize,
    ) -> Result<Self> {
        Ok(Self {
            state: word,
            submissions: memory.area(word + SUBMISSIONS, pages(entries, COMMAND))?,
            completions: memory.area(word + COMPLETIONS, pages(entries, COMPLETION))?,
            last: last(entries)?,
            doorbells: [2 * id, 2 * id + 1].map(|at| DOORBELLS + at * stride),
        })
    }

    /// Returns where the controller finds the commands, and where it writes completions.
    pub(super) fn addresses(&self, memory: &Memory) -> Result<[u64; 2]> {
        Ok([
            memory.physical(self.submissions.at(0)?)?,
            memory.physical(self.completions.at(0)?)?,
        ])
    }

    fn after(&self, entry: u32) -> u32 {
        if entry >= self.last {
            0
        } else {
            entry + 1
        }
    }

    /// Adds a command. The caller has fewer under way than there are entries.
    pub(super) fn submit(&self, memory: &mut Memory, command: &Command) -> Result<()> {
        let tail = memory.word(self.state + TAIL)?;
        let at = self.submissions.at(index(tail)? * COMMAND)?;

        for (at, word) in (at..).step_by(4).zip(command.0) {
            memory.window.write(at, word)?;
        }
        memory.set_word(self.state + TAIL, self.after(tail))
    }

    /// Tells the controller of the commands that were added.
    pub(super) fn ring(&self, memory: &Memory, registers: &mut Window) -> Result<()> {
        // The commands and their data are written before.
        fence(Ordering::Release);
        registers.write(self.doorbells[0], memory.word(self.state + TAIL)?)
    }

    /// Reads the next completion, if there is one.
    pub(super) fn next(&self, memory: &mut Memory) -> Result<Option<Completion>> {
        let head = memory.word(self.state + HEAD)?;
        let phase = memory.word(self.state + PHASE)?;
        let at = self.completions.at(index(head)? * COMPLETION)?;
        let word = memory.window.read(at + 12)?;
        if word >> 16 & 1 != phase {
            return Ok(None);
        }
        // What the controller wrote before, also the data of the command, is read after.
        fence(Ordering::Acquire);

        let head = self.after(head);
        memory.set_word(self.state + HEAD, head)?;
        if head == 0 {
            memory.set_word(self.state + PHASE, phase ^ 1)?;
        }
        let [low, high, ..] = word.to_le_bytes();
        Ok(Some(Completion {
            id: u16::from_le_bytes([low, high]),
            status: word >> 17,
        }))
    }

    /// Tells the controller of the completions that were read.
    pub(super) fn advance(&self, memory: &Memory, registers: &mut Window) -> Result<()> {
        registers.write(self.doorbells[1], memory.word(self.state + HEAD)?)
    }
}
