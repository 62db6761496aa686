# SPDX-License-Identifier: GPL-2.0
"""Stops a guest at a symbol, through QEMU's debugger port.

This is the only way to act at an exact point of a kernel, for instance between
its last write to the handover and the first read by the next kernel.
"""

import os
import re
import socket
from pathlib import Path

from .clock import Clock, Limit
from .errors import Failure, GuestGone


def symbol(system_map: Path, name: str) -> int:
    """The address of a symbol, in a kernel that runs without KASLR."""
    match = re.search(rf"^([0-9a-f]+) [a-zA-Z] {re.escape(name)}$", system_map.read_text(), re.M)
    if not match:
        raise Failure(f"no symbol {name} in {system_map}")
    return int(match[1], 16)


class Gdb:
    """A connection that speaks GDB's remote protocol. Connecting stops the guest."""

    def __init__(self, path: Path, timeout: float, clock: Clock) -> None:
        self._sock = socket.socket(socket.AF_UNIX)
        self._timeout = timeout
        self._clock = clock
        self._pending = b""
        self._breakpoint = 0
        self._stopped = 0
        # Relative to the directory, since the path of a socket has a limited length.
        directory = os.open(path.parent, os.O_PATH)
        try:
            self._sock.connect(f"/proc/self/fd/{directory}/{path.name}")
        finally:
            os.close(directory)

    def _packet(self, limit: Limit) -> str:
        while True:
            match = re.search(rb"\$([^#]*)#[0-9a-f]{2}", self._pending)
            if match:
                self._pending = self._pending[match.end() :]
                self._sock.sendall(b"+")
                return match[1].decode("ascii", "replace")
            self._sock.settimeout(limit.pause())
            try:
                chunk = self._sock.recv(4096)
            except TimeoutError:
                continue
            if not chunk:
                raise GuestGone("the machine ended before the breakpoint")
            self._pending += chunk

    def _answer(self, timeout: float, what: str) -> str:
        """The next packet, except for the report that connecting stopped the guest.

        QEMU sends that one (signal 2) at an arbitrary time.
        """
        with self._clock.limit(timeout, what) as limit:
            while True:
                answer = self._packet(limit)
                if not answer.startswith("T02"):
                    return answer

    def _send(self, body: str) -> None:
        data = body.encode()
        self._sock.sendall(b"$%s#%02x" % (data, sum(data) & 0xFF))

    def _command(self, body: str) -> None:
        self._send(body)
        answer = self._answer(self._timeout, f"the debugger port, {body}")
        if answer != "OK":
            raise Failure(f"QEMU's debugger port answers {answer!r} to {body!r}")

    def break_at(self, address: int) -> None:
        """Sets the only breakpoint: one of hardware, which does not change guest memory."""
        self._remove()
        self._command(f"Z1,{address:x},1")
        self._breakpoint = address

    def _remove(self) -> None:
        if self._breakpoint:
            self._command(f"z1,{self._breakpoint:x},1")

    def resume(self) -> None:
        """Lets the guest continue."""
        self._send("c")

    def wait(self, timeout: float) -> None:
        """Waits until the guest reaches a breakpoint."""
        answer = self._answer(timeout, "the breakpoint")
        match = re.match("T05thread:([0-9a-f]+);", answer)
        if not match:
            raise Failure(f"the guest stopped for another reason: {answer}")
        self._stopped = int(match[1], 16)

    def resume_others(self, cpus: int) -> None:
        """Lets all CPUs continue but the one that is at the breakpoint."""
        others = (number for number in range(1, cpus + 1) if number != self._stopped)
        self._send("vCont" + "".join(f";c:{number:x}" for number in others))

    def stop(self) -> None:
        """Stops all CPUs."""
        self._sock.sendall(b"\x03")

    def leave(self) -> None:
        """Removes the breakpoint, lets the guest continue and disconnects."""
        self._remove()
        self._command("D")
        self.close()

    def close(self) -> None:
        """Disconnects."""
        self._sock.close()
