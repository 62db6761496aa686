# SPDX-License-Identifier: GPL-2.0
"""The host side of the agent's port: requests, answers and greetings."""

import socket
import time
from dataclasses import dataclass
from pathlib import Path

from . import wire
from .clock import Clock, Limit
from .errors import Failure, GuestError, GuestGone

# A request must fit into the terminal buffer of the guest, which has no
# flow control. Answers can have any length.
MAX_REQUEST = 3000


@dataclass(frozen=True)
class Hello:
    """What an agent reports about its kernel when it starts."""

    boot_id: str
    release: str
    uptime: float
    kexecs: int
    """How many times KHO handed over so far; 0 if this kernel got nothing."""
    exec_from: str | None
    """The release of the kernel that handed over."""
    live_updates: int | None
    """The number of this live update; None if Live Update is off."""

    @classmethod
    def parse(cls, words: list[bytes]) -> "Hello":
        """Parses `KEY=VALUE` words, where `-` means that there is no value."""
        facts = dict(word.decode().split("=", 1) for word in words)
        present = {key: value for key, value in facts.items() if value != "-"}
        number = present.get("live_updates")
        return cls(
            boot_id=facts["boot_id"],
            release=facts["release"],
            uptime=float(facts["uptime"].split()[0]),
            kexecs=int(present.get("kexecs", 0)),
            exec_from=present.get("exec_from"),
            live_updates=None if number is None else int(number),
        )


class Port:
    """Lines to and from the agent, all of them recorded in a transcript."""

    def __init__(self, sock: socket.socket, transcript: Path, clock: Clock) -> None:
        self._sock = sock
        self._clock = clock
        self._pending = b""
        self._number = 0
        self._started = time.monotonic()
        self._transcript = transcript.open("w", encoding="utf-8", buffering=1)

    def close(self) -> None:
        """Closes the connection."""
        self._sock.close()
        self._transcript.close()

    def note(self, text: str) -> None:
        """Adds a line to the transcript that was not sent or received."""
        stamp = time.monotonic() - self._started
        self._transcript.write(f"{stamp:8.3f} {text}\n")

    def _line(self, limit: Limit, what: str) -> bytes:
        while b"\n" not in self._pending:
            self._sock.settimeout(limit.pause())
            try:
                chunk = self._sock.recv(65536)
            except TimeoutError:
                continue
            except ConnectionError:
                chunk = b""
            if not chunk:
                raise GuestGone(f"the machine ended: {what}")
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    def _words(self, timeout: float, what: str) -> list[bytes]:
        """The next complete line. A port that is being reset produces noise, too."""
        with self._clock.limit(timeout, what) as limit:
            while True:
                line = self._line(limit, what)
                words = wire.decode(line)
                self.note(f"{'<' if words else '?'} {line.decode('ascii', 'backslashreplace')}")
                if words:
                    return words

    def send(self, *words: wire.Word) -> int:
        """Sends a request and returns its number."""
        self._number += 1
        line = wire.encode([self._number, *words])
        if len(line) > MAX_REQUEST:
            raise Failure(f"request {words[0]!r} is too long: {len(line)} bytes")
        self.note(f"> {line.decode().rstrip()}")
        try:
            self._sock.sendall(line)
        except OSError as err:
            raise GuestGone(f"the machine ended: {words[0]!r}") from err
        return self._number

    def _answer(self, words: list[bytes], number: int, what: str) -> list[bytes]:
        if len(words) < 2 or words[0] != str(number).encode():
            raise GuestGone(f"unexpected line from the guest instead of the answer to {what}")
        if words[1] == b"err":
            raise GuestError(int(words[2]), words[3].decode("utf-8", "replace"), what)
        return words[2:]

    def request(self, timeout: float, *words: wire.Word) -> list[bytes]:
        """Sends a request and returns its answer. A greeting means that the kernel died."""
        number = self.send(*words)
        what = wire.join(words)[:120]
        answer = self._words(timeout, what)
        if answer[0] == b"hello":
            raise GuestGone(f"the guest started anew: {what}")
        return self._answer(answer, number, what)

    def request_kexec(self, timeout: float, *words: wire.Word) -> Hello:
        """Sends a request that leads to a kexec, and waits for the greeting of the next kernel.

        The answer may not make it out of the old one.
        """
        number = self.send(*words)
        what = wire.join(words)[:120]
        answer = self._words(timeout, what)
        if answer[0] == b"hello":
            return Hello.parse(answer[1:])
        self._answer(answer, number, what)
        return self.hello(timeout)

    def hello(self, timeout: float, number: int = 0) -> Hello:
        """Waits for the greeting of a kernel, or for the answer that there will be none."""
        words = self._words(timeout, "the kernel to come up")
        if words[0] == b"hello":
            return Hello.parse(words[1:])
        self._answer(words, number, "jump")
        raise Failure("the kernel returned from a jump")
