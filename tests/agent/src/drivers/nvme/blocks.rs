// SPDX-License-Identifier: GPL-2.0

//! Blocks of a page that are written to the drive, and read from it.
//!
//! A block tells its number, a version that the host chose, and a checksum of the rest, which also
//! the host checks (`tests/vm/nvme.py`).
//!
//! Each command has a number. The lower half is the id that the controller is told, and a part of
//! that is the slot for its data and for what it is to do. So a completion that does not belong to a
//! command under way, such as one that is told twice, is recognized.

use crate::drivers::halves;
use crate::drivers::index;
use crate::drivers::memory::PAGE;
use crate::drivers::nvme::queue;
use crate::drivers::nvme::queue::Command;
use crate::drivers::nvme::queue::Completion;
use crate::drivers::nvme::Controller;
use crate::drivers::nvme::DATA;
use crate::drivers::nvme::NAMESPACE;
use crate::drivers::nvme::NUMBER;
use crate::drivers::nvme::SLOTS;
use crate::drivers::require;
use crate::errno::Errno;
use crate::errno::Result;
use crate::frames::Runs;
use crate::wire;
use crate::wire::Word; //

/// The words of a slot: whether it is in use, and the numbers of its command, block and version,
/// and whether the block is read.
pub(super) const SLOT_WORDS: usize = 5;

const WRITE: u32 = 0x01;
const READ: u32 = 0x02;

/// "nvmeblk\0"
const MARK: u64 = 0x006b_6c62_656d_766e;
const CRC_AT: usize = PAGE - 4;

/// A command for a block.
#[derive(Clone, Copy)]
struct Slot {
    number: u32,
    block: u32,
    version: u32,
    is_read: bool,
}

/// What the completions were.
#[derive(Default)]
struct Seen {
    /// The numbers of the commands that were executed.
    done: Runs,
    failed: u64,
    /// Blocks that are not what was written.
    damaged: u64,
    /// Completions that are not of a command under way.
    unexpected: u64,
}

/// Returns the contents of a block.
fn contents(block: u32, version: u32) -> Vec<u8> {
    let seed = u64::from(block) << 32 | u64::from(version);
    let mut data: Vec<u8> = [MARK, seed]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    let mut word = seed;

    while data.len() < CRC_AT {
        // Any sequence will do in which the words differ.
        word = word.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(MARK);
        data.extend(word.to_le_bytes());
    }
    data.truncate(CRC_AT);
    data.extend(wire::crc32(0, &data).to_le_bytes());
    data
}

impl Controller {
    fn slot_at(number: u32) -> Result<usize> {
        Ok(index(number)? % queue::IO_ENTRIES)
    }

    /// Returns what is under way in a slot.
    fn slot(&self, at: usize) -> Result<Option<Slot>> {
        let word = |field| self.memory.word(SLOTS + at * SLOT_WORDS + field);

        Ok(match word(0)? {
            0 => None,
            _ => Some(Slot {
                number: word(1)?,
                block: word(2)?,
                version: word(3)?,
                is_read: word(4)? != 0,
            }),
        })
    }

    fn set_slot(&mut self, at: usize, slot: Option<Slot>) -> Result<()> {
        let words = slot.map_or([0; SLOT_WORDS], |slot| {
            let is_read = u32::from(slot.is_read);
            [1, slot.number, slot.block, slot.version, is_read]
        });

        for (field, word) in words.into_iter().enumerate() {
            self.memory
                .set_word(SLOTS + at * SLOT_WORDS + field, word)?;
        }
        Ok(())
    }

    /// Returns where the data of a slot is in the memory.
    fn data(&self, at: usize) -> Result<usize> {
        self.memory.area(DATA + at, 1)?.at(0)
    }

    fn command(&mut self, slot: Slot) -> Result<Command> {
        let at = Self::slot_at(slot.number)?;
        let data = self.data(at)?;
        let lbas = self.lbas()?;
        let first = u64::from(slot.block) * u64::from(lbas);
        let [low, high, ..] = slot.number.to_le_bytes();
        let id = u16::from_le_bytes([low, high]);
        let opcode = if slot.is_read { READ } else { WRITE };

        if slot.is_read {
            self.memory.clear(data, PAGE)?;
        } else {
            self.memory
                .store(data, &contents(slot.block, slot.version))?;
        }
        let mut command = Command::new(opcode, id, self.memory.physical(data)?);
        let [low, high] = halves(first);
        command.namespace(NAMESPACE);
        command.arguments([low, high, lbas - 1]);
        Ok(command)
    }

    fn add(&mut self, block: u32, version: u32, is_read: bool) -> Result<()> {
        let number = self.memory.word(NUMBER)?;
        let at = Self::slot_at(number)?;
        if self.slot(at)?.is_some() {
            return Err(Errno {
                code: libc::EBUSY,
                text: format!("agent: command {number} has to wait for an earlier one"),
            });
        }
        let slot = Slot {
            number,
            block,
            version,
            is_read,
        };

        let command = self.command(slot)?;
        self.set_slot(at, Some(slot))?;
        self.memory.set_word(NUMBER, number.wrapping_add(1))?;
        self.io.submit(&mut self.memory, &command)
    }

    /// Returns the number of commands under way.
    pub(in crate::drivers) fn in_flight(&self) -> Result<usize> {
        let mut count = 0;

        for at in 0..queue::IO_ENTRIES {
            count += usize::from(self.slot(at)?.is_some());
        }
        Ok(count)
    }

    /// Writes or reads `count` blocks, each in a command, and does not wait for them.
    pub(in crate::drivers) fn submit(
        &mut self,
        is_read: bool,
        blocks: impl Iterator<Item = u32>,
        version: u32,
    ) -> Result<()> {
        let room = (queue::IO_ENTRIES - 1).saturating_sub(self.in_flight()?);
        let blocks: Vec<u32> = blocks.take(room.saturating_add(1)).collect();

        require("there is room for these commands", blocks.len() <= room)?;
        for block in blocks {
            self.add(block, version, is_read)?;
        }
        self.io.ring(&self.memory, &mut self.registers)
    }

    fn completed(&mut self, done: &Completion, seen: &mut Seen) -> Result<()> {
        let at = Self::slot_at(done.id.into())?;
        let [low, high] = done.id.to_le_bytes();
        let slot = self.slot(at)?;
        let slot = slot.filter(|slot| slot.number.to_le_bytes().starts_with(&[low, high]));
        let Some(slot) = slot else {
            seen.unexpected += 1;
            return Ok(());
        };

        self.set_slot(at, None)?;
        if done.status != 0 {
            seen.failed += 1;
            return Ok(());
        }
        seen.done.push(slot.number.into());
        let data = self.memory.window.bytes(self.data(at)?, PAGE);
        if slot.is_read && data != contents(slot.block, slot.version) {
            seen.damaged += 1;
        }
        Ok(())
    }

    /// Reads the completions that are there: how many commands are still under way, have failed,
    /// read other data than was written, and were not expected; and which were executed.
    pub(in crate::drivers) fn reap(&mut self) -> Result<Vec<Word>> {
        let mut seen = Seen::default();

        while let Some(done) = self.io.next(&mut self.memory)? {
            self.completed(&done, &mut seen)?;
        }
        self.io.advance(&self.memory, &mut self.registers)?;
        let in_flight = u64::try_from(self.in_flight()?).unwrap_or(u64::MAX);
        let counts = [in_flight, seen.failed, seen.damaged, seen.unexpected];
        let counts = counts.iter().map(|count| count.to_string().into_bytes());
        Ok(counts.chain(seen.done.words()).collect())
    }
}
