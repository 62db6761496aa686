// SPDX-License-Identifier: GPL-2.0

//! Frames that a network card received, from the file of the sample driver for the e1000e, or from
//! a ring of our own.
//!
//! The serial port is too slow for thousands of frames, so they are checked here. The host numbers
//! them (`tests/demo/frames.py`): the Ethernet header is followed by a mark of eight bytes, the
//! number of the frame, padding, and the CRC-32 of all that.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd; //

use crate::errno::Errno;
use crate::errno::Result;
use crate::wire;
use crate::wire::Word; //

const HEADER: usize = 14;
const MARK: usize = 8;

/// Numbers in the order in which they were seen. Consecutive ones are a run: the first one, and how
/// many.
#[derive(Default)]
pub(crate) struct Runs(Vec<(u64, u64)>);

impl Runs {
    pub(crate) fn push(&mut self, number: u64) {
        if let Some((first, count)) = self.0.last_mut() {
            if first.checked_add(*count) == Some(number) {
                *count += 1;
                return;
            }
        }
        self.0.push((number, 1));
    }

    /// `first:count ...`
    pub(crate) fn words(&self) -> impl Iterator<Item = Word> + '_ {
        let runs = self.0.iter();

        runs.map(|(first, count)| format!("{first}:{count}").into_bytes())
    }
}

/// What was read from the file.
#[derive(Default)]
pub(crate) struct Seen {
    /// The numbers of the frames.
    runs: Runs,
    /// Frames without the mark.
    foreign: u64,
    /// Frames that differ from what was sent.
    damaged: u64,
}

fn u64_at(data: &[u8], at: usize) -> Option<u64> {
    let bytes = data.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// Returns the number of a frame if its checksum is correct.
fn number(payload: &[u8]) -> Option<u64> {
    let (body, crc) = payload.split_last_chunk::<4>()?;
    if wire::crc32(0, body) != u32::from_le_bytes(*crc) {
        return None;
    }
    u64_at(body, MARK)
}

impl Seen {
    /// A frame that a card received.
    pub(crate) fn frame(&mut self, mark: &[u8], errors: u8, data: &[u8]) {
        let payload = data.get(HEADER..).unwrap_or_default();
        if !payload.starts_with(mark) {
            self.foreign += 1;
            return;
        }
        match (errors, number(payload)) {
            (0, Some(number)) => self.runs.push(number),
            _ => self.damaged += 1,
        }
    }

    /// Parses the result of one `read()`: records of length, flags, errors, and that many bytes.
    fn records(&mut self, mark: &[u8], mut data: &[u8]) -> Result<()> {
        while let Some((&[low, high, _, errors], rest)) = data.split_first_chunk() {
            let length = usize::from(u16::from_ne_bytes([low, high]));
            let (frame, rest) = rest
                .split_at_checked(length)
                .ok_or_else(|| Errno::invalid("a record of the card is cut off"))?;
            self.frame(mark, errors, frame);
            data = rest;
        }
        Ok(())
    }

    /// `foreign damaged first:count ...`
    pub(crate) fn words(&self) -> Vec<Word> {
        let counts = [self.foreign, self.damaged].map(|count| count.to_string().into_bytes());

        counts.into_iter().chain(self.runs.words()).collect()
    }
}

/// Reads all available frames.
pub(crate) fn take(fd: &OwnedFd, mark: &[u8]) -> Result<Vec<Word>> {
    if mark.len() != MARK {
        return Err(Errno::invalid(format!("a mark has {MARK} bytes")));
    }
    let mut file = File::from(fd.try_clone()?);
    let mut buffer = vec![0; 64 << 10];
    let mut seen = Seen::default();
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(seen.words()),
            len => seen.records(mark, &buffer[..len])?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &[u8; 8] = b"the mark";

    fn record(number: u64) -> Vec<u8> {
        let mut body = MARK.to_vec();
        body.extend(number.to_le_bytes());
        body.extend(wire::crc32(0, &body).to_le_bytes());
        let length = u16::try_from(HEADER + body.len()).unwrap();
        [&length.to_ne_bytes(), &[0, 0][..], &[0; HEADER], &body].concat()
    }

    fn words(records: &[Vec<u8>]) -> String {
        let mut seen = Seen::default();
        seen.records(MARK, &records.concat()).unwrap();
        String::from_utf8(seen.words().join(&b' ')).unwrap()
    }

    #[test]
    fn frames_in_order_are_one_run() {
        assert_eq!(words(&[record(5), record(6), record(7)]), "0 0 5:3");
        assert_eq!(words(&[record(5), record(7), record(6)]), "0 0 5:1 7:1 6:1");
        assert_eq!(words(&[]), "0 0");
    }

    #[test]
    fn damage_is_counted() {
        let mut changed = record(2);
        changed[4 + HEADER + 9] ^= 1;
        let mut marked = record(3);
        marked[4 + HEADER] ^= 1;

        assert_eq!(
            words(&[record(1), changed, marked, record(4)]),
            "1 1 1:1 4:1"
        );
        assert!(Seen::default().records(MARK, &record(1)[..20]).is_err());
    }
}
