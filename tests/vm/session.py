# SPDX-License-Identifier: GPL-2.0
"""Live Update sessions of a guest, and its open files."""

from __future__ import annotations

import json
from errno import EAGAIN
from typing import TYPE_CHECKING, Any

from .errors import GuestError

if TYPE_CHECKING:
    from .guest import Guest

# The token of the memfd that carries the state of the scenario.
STATE = 0x57A7E


class Fd:
    """A file descriptor in a guest. Kexec closes it at the latest."""

    def __init__(self, guest: Guest, number: int) -> None:
        self.guest = guest
        self.number = number

    def close(self) -> None:
        """Closes it."""
        self.guest.request("fd.close", self.number)

    def read(self, offset: int, length: int) -> bytes:
        """pread(2), up to the end of the file."""
        return self.guest.request("fd.pread", self.number, offset, length)[0]

    def write(self, offset: int, data: bytes) -> None:
        """pwrite(2) of all bytes."""
        self.guest.request("fd.pwrite", self.number, offset, data)

    def peek(self, offset: int, length: int) -> bytes:
        """Reads bytes through a mapping."""
        return self.guest.request("fd.peek", self.number, offset, length)[0]

    def hash(self, offset: int, length: int) -> int:
        """The CRC-32 of zlib over a mapping."""
        return int(self.guest.request("fd.hash", self.number, offset, length)[0])

    def load(self, register: int) -> int:
        """Reads four bytes through a mapping, in one access."""
        return int(self.guest.request("fd.load", self.number, register)[0])

    def store(self, register: int, value: int) -> None:
        """Writes four bytes through a mapping, in one access."""
        self.guest.request("fd.store", self.number, register, value)

    @property
    def size(self) -> int:
        """The size in bytes."""
        return int(self.guest.request("fd.size", self.number)[0])

    @size.setter
    def size(self, length: int) -> None:
        self.guest.request("fd.truncate", self.number, length)


class Eventfd(Fd):
    """What an interrupt signals."""

    @property
    def events(self) -> int:
        """How often it was signalled since the last time."""
        try:
            return int(self.guest.request("fd.events", self.number)[0])
        except GuestError as err:
            if err.errno != EAGAIN:
                raise
            return 0


class Session:
    """A session that was created in this kernel, or retrieved from the previous one."""

    def __init__(self, guest: Guest, fd: Fd) -> None:
        self._guest = guest
        self.fd = fd

    def preserve(self, fd: Fd, token: int) -> None:
        """Preserves a file."""
        self._guest.request("luo.preserve_fd", self.fd.number, fd.number, token)

    def retrieve(self, token: int) -> Fd:
        """Retrieves a file."""
        return self._guest.new_fd("luo.retrieve_fd", self.fd.number, token)

    def finish(self) -> None:
        """Finishes the session. Files that were not retrieved are discarded."""
        self._guest.request("luo.finish", self.fd.number)

    def close(self) -> None:
        """Closes it: unpreserves, or finishes."""
        self.fd.close()

    @property
    def name(self) -> str:
        """The name of the session."""
        return self._guest.request("luo.name", self.fd.number)[0].decode()

    def save(self, state: dict[str, Any]) -> None:
        """Preserves data of the scenario, for `load()` in the next kernel."""
        fd = self._guest.memfd("state")
        data = json.dumps(state).encode()
        fd.size = len(data)
        fd.write(0, data)
        self.preserve(fd, STATE)
        fd.close()

    def load(self) -> dict[str, Any]:
        """The data that the previous kernel saved."""
        fd = self.retrieve(STATE)
        state: dict[str, Any] = json.loads(fd.read(0, fd.size))
        fd.close()
        return state
