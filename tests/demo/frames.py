# SPDX-License-Identifier: GPL-2.0
"""Numbered frames.

An Ethernet header, then what tests/agent/src/frames.rs reads as well: the mark of
the stream, the number of the frame, padding derived from both, and the CRC-32 of
all that.
"""

import hashlib
import secrets
import struct
import zlib

_HEADER = bytes.fromhex("ffffffffffff" "020000000001" "88b5")
_NUMBERED = struct.Struct("<8sQ")
_FILLING = 64
_CRC = struct.Struct("<I")
MARK = 8

SIZE = len(_HEADER) + _NUMBERED.size + _FILLING + _CRC.size


class Stream:
    """Frames of one sender. The mark identifies them in memory."""

    def __init__(self) -> None:
        self.mark = secrets.token_bytes(MARK)

    def frame(self, number: int) -> bytes:
        """Returns the frame with this number."""
        numbered = _NUMBERED.pack(self.mark, number)
        body = numbered + hashlib.blake2b(numbered, digest_size=_FILLING).digest()
        return _HEADER + body + _CRC.pack(zlib.crc32(body))

    def number(self, data: bytes) -> int | None:
        """Returns the number of the frame at the start of these bytes, whatever follows."""
        mark, number = _NUMBERED.unpack_from(data, len(_HEADER))
        return number if mark == self.mark else None

    def intact(self, data: bytes, number: int) -> bool:
        """Whether these bytes are exactly that frame."""
        return data[:SIZE] == self.frame(number)
