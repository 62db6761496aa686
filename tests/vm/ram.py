# SPDX-License-Identifier: GPL-2.0
"""The memory of a guest, shared with the host.

A running guest sees every change immediately. Change only what it does not use, or
stop it first: gdb.py stops it at the end of a kernel.
"""

import mmap

from .errors import Failure


class GuestRam:
    """Guest physical memory, from 0. All of it is below the hole at 2 GiB."""

    def __init__(self, fd: int, size: int) -> None:
        self._map = mmap.mmap(fd, size)

    def close(self) -> None:
        """Unmaps the memory."""
        self._map.close()

    def read(self, address: int, length: int) -> bytes:
        """Reads guest memory."""
        data = self._map[address : address + length]
        if address < 0 or len(data) != length:
            raise Failure(f"no guest memory at {address:#x}, {length} bytes")
        return data

    def write(self, address: int, data: bytes) -> None:
        """Writes guest memory."""
        self.read(address, len(data))
        self._map[address : address + len(data)] = data

    def save(self) -> bytes:
        """A copy of all of it."""
        return self._map[:]

    def restore(self, saved: bytes) -> None:
        """Puts all of it back to what it was, while the machine stands still."""
        self._map[:] = saved

    def u64(self, address: int) -> int:
        """Reads eight bytes."""
        return int.from_bytes(self.read(address, 8), "little")

    def find(self, pattern: bytes, align: int = 4096) -> list[int]:
        """The addresses at which a pattern occurs, with this alignment."""
        found = []
        at = self._map.find(pattern)
        while at >= 0:
            if at % align == 0:
                found.append(at)
            at = self._map.find(pattern, at + 1)
        return found
