# SPDX-License-Identifier: GPL-2.0
"""The line format between host and agent; tests/agent/src/wire.rs describes it."""

import zlib
from collections.abc import Sequence

Word = str | bytes | int


def _encode_word(word: Word) -> str:
    data = word if isinstance(word, bytes) else str(word).encode()
    if not data:
        return "%"
    return "".join(chr(b) if 0x20 < b < 0x7F and b != 0x25 else f"%{b:02x}" for b in data)


def _decode_word(text: bytes) -> bytes:
    if text == b"%":
        return b""
    first, *escaped = text.split(b"%")
    return first + b"".join(bytes.fromhex(part[:2].decode()) + part[2:] for part in escaped)


def join(words: Sequence[Word]) -> str:
    """The part of a line that the checksum covers."""
    return " ".join(_encode_word(word) for word in words)


def encode(words: Sequence[Word]) -> bytes:
    """The line with these words."""
    body = join(words).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def decode(line: bytes) -> list[bytes] | None:
    """The words of a line, or None if it is damaged."""
    crc, _, body = line.rstrip(b"\n").partition(b" ")
    try:
        if int(crc, 16) != zlib.crc32(body):
            return None
        return [_decode_word(word) for word in body.split(b" ")]
    except ValueError:
        return None
