# SPDX-License-Identifier: GPL-2.0
"""Stops a guest at a symbol, through QEMU's debugger port.

The one way to act at an exact moment of a kernel's life, for instance between
its last write to the handover and the next kernel's first look at it.
"""

import os
import re
import socket
import time
from pathlib import Path

from .errors import Failure, GuestGone, GuestSilent


def symbol(system_map: Path, name: str) -> int:
    """The address of a symbol of a kernel that runs without KASLR."""
    match = re.search(rf"^([0-9a-f]+) [a-zA-Z] {re.escape(name)}$", system_map.read_text(), re.M)
    if not match:
        raise Failure(f"no symbol {name} in {system_map}")
    return int(match[1], 16)


class Gdb:
    """A connection in GDB's remote protocol. To connect stops the guest."""

    def __init__(self, path: Path, timeout: float) -> None:
        self._sock = socket.socket(socket.AF_UNIX)
        self._timeout = timeout
        self._pending = b""
        # Through the directory: a path in a deep cache folder is too long for a socket.
        directory = os.open(path.parent, os.O_PATH)
        try:
            self._sock.connect(f"/proc/self/fd/{directory}/{path.name}")
        finally:
            os.close(directory)

    def _packet(self, until: float) -> str:
        while True:
            match = re.search(rb"\$([^#]*)#[0-9a-f]{2}", self._pending)
            if match:
                self._pending = self._pending[match.end() :]
                self._sock.sendall(b"+")
                return match[1].decode("ascii", "replace")
            self._sock.settimeout(max(until - time.monotonic(), 0.01))
            try:
                chunk = self._sock.recv(4096)
            except TimeoutError as err:
                raise GuestSilent("the guest did not get to the breakpoint") from err
            if not chunk:
                raise GuestGone("the machine ended before the breakpoint")
            self._pending += chunk

    def _answer(self, until: float) -> str:
        """The next packet but for the news that the guest stopped because we came.

        QEMU tells that (signal 2) at a time of its own choice.
        """
        while True:
            answer = self._packet(until)
            if not answer.startswith("T02"):
                return answer

    def _send(self, body: str) -> None:
        data = body.encode()
        self._sock.sendall(b"$%s#%02x" % (data, sum(data) & 0xFF))

    def _command(self, body: str) -> None:
        self._send(body)
        answer = self._answer(time.monotonic() + self._timeout)
        if answer != "OK":
            raise Failure(f"QEMU's debugger port answers {answer!r} to {body!r}")

    def break_at(self, address: int) -> None:
        """Sets a breakpoint that needs no change of guest memory."""
        self._command(f"Z1,{address:x},1")

    def resume(self) -> None:
        """Lets the guest go on."""
        self._send("c")

    def wait(self, timeout: float) -> None:
        """Until it stands at a breakpoint."""
        answer = self._answer(time.monotonic() + timeout)
        if not answer.startswith("T05"):
            raise Failure(f"the guest stopped for another reason: {answer}")

    def leave(self, address: int) -> None:
        """Takes the breakpoint away, lets the guest go on and disconnects."""
        self._command(f"z1,{address:x},1")
        self._command("D")
        self.close()

    def close(self) -> None:
        """Disconnects."""
        self._sock.close()
