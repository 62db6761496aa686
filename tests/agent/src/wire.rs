// SPDX-License-Identifier: GPL-2.0

//! The line format, the same in both directions.
//!
//! ```text
//! CRC32 WORD WORD ...\n
//! ```
//!
//! A word is a byte string in which everything but printable ASCII, and `%` itself, is written as
//! `%XX`; the empty word is a single `%`. The checksum covers everything after its own space, so a
//! damaged line is rejected.

/// A word of a line, decoded.
pub(crate) type Word = Vec<u8>;

/// CRC-32 as in zlib, continued from `crc` (0 to start).
pub(crate) fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    let mut crc = !crc;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

fn encode_word(word: &[u8], line: &mut String) {
    if word.is_empty() {
        line.push('%');
    }
    for &byte in word {
        if byte.is_ascii_graphic() && byte != b'%' {
            line.push(char::from(byte));
        } else {
            line.push_str(&format!("%{byte:02x}"));
        }
    }
}

fn decode_word(text: &str) -> Option<Word> {
    let mut word = Word::new();
    let mut rest = text.as_bytes();

    if rest == b"%" {
        return Some(word);
    }
    while let Some((&byte, tail)) = rest.split_first() {
        if byte != b'%' {
            word.push(byte);
            rest = tail;
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok()?;
        word.push(u8::from_str_radix(digits, 16).ok()?);
        rest = tail;
    }
    Some(word)
}

/// Joins words to the part of a line that the checksum covers.
pub(crate) fn join<W: AsRef<[u8]>>(words: &[W]) -> String {
    let mut body = String::new();
    for (i, word) in words.iter().enumerate() {
        if i > 0 {
            body.push(' ');
        }
        encode_word(word.as_ref(), &mut body);
    }
    body
}

/// Splits the result of [`join`].
pub(crate) fn split(body: &str) -> Option<Vec<Word>> {
    body.split(' ').map(decode_word).collect()
}

/// Returns the line for these words, with checksum and newline.
pub(crate) fn encode<W: AsRef<[u8]>>(words: &[W]) -> String {
    let body = join(words);
    format!("{:08x} {body}\n", crc32(0, body.as_bytes()))
}

/// Returns the words of a line without newline, if the checksum is correct.
pub(crate) fn decode(line: &[u8]) -> Option<Vec<Word>> {
    let (crc, body) = std::str::from_utf8(line).ok()?.split_once(' ')?;

    if u32::from_str_radix(crc, 16).ok()? != crc32(0, body.as_bytes()) {
        return None;
    }
    split(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_back_as_it_was() {
        let words: [&[u8]; 4] = [b"7", b"", b"a b%\n", &[0, 255]];
        let line = encode(&words);

        assert_eq!(decode(line.trim_end().as_bytes()).unwrap(), words);
    }

    #[test]
    fn a_damaged_line_is_refused() {
        let line = encode(&["1", "read", "/proc/uptime"]);
        let damaged = line.trim_end().replace("uptime", "uptimf");

        assert_eq!(decode(damaged.as_bytes()), None);
        assert_eq!(decode(b"00000000 %4"), None);
        assert_eq!(decode(b""), None);
    }

    #[test]
    fn the_checksum_is_that_of_zlib() {
        assert_eq!(crc32(0, b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(crc32(0, b"1234"), b"56789"), 0xcbf4_3926);
    }
}
