# SPDX-License-Identifier: GPL-2.0
"""The card and its driver, as user space of the guest sees them."""

from dataclasses import dataclass

from vm import Fd, Guest, Pci, Session

from .frames import Stream

DRIVER = "rust_driver_e1000e_liveupdate"
# Without the driver, only the host reads the ring.
WITHOUT_DRIVER = f"initcall_blacklist=__{DRIVER}_init"


@dataclass(frozen=True)
class Statistics:
    """The counters of the driver."""

    running: int
    delivered: int = 0
    waiting: int = 0
    capacity: int = 0
    full: int = 0
    canaries: int = 0


@dataclass(frozen=True)
class Taken:
    """Frames that user space read from the file and checked."""

    foreign: int
    damaged: int
    runs: tuple[range, ...]
    """The numbers of the frames."""

    @classmethod
    def parse(cls, words: list[bytes]) -> "Taken":
        """Parses `FOREIGN DAMAGED FIRST:COUNT...`."""
        runs = []
        for word in words[2:]:
            first, count = (int(part) for part in word.split(b":"))
            runs.append(range(first, first + count))
        return cls(int(words[0]), int(words[1]), tuple(runs))

    @property
    def count(self) -> int:
        """The number of intact frames."""
        return sum(len(run) for run in self.runs)


class Card:
    """An open file of a card."""

    def __init__(self, fd: Fd) -> None:
        self.guest = fd.guest
        self.fd = fd

    @classmethod
    def open(cls, guest: Guest, function: Pci) -> "Card":
        """Opens the file of a card."""
        return cls(guest.open(f"/dev/e1000e-{function.bdf}"))

    @classmethod
    def retrieve(cls, session: Session, token: int) -> "Card":
        """Retrieves the file from a session of the previous kernel."""
        return cls(session.retrieve(token))

    def statistics(self) -> Statistics:
        """Reads the counters of the driver."""
        lines = self.guest.text(f"/proc/self/fdinfo/{self.fd.number}").splitlines()
        pairs = dict(line.split(":", 1) for line in lines)
        known = Statistics.__dataclass_fields__
        return Statistics(**{key: int(pairs[key]) for key in known if key in pairs})

    def take(self, stream: Stream) -> Taken:
        """Reads all available frames."""
        return Taken.parse(self.guest.request("fd.frames", self.fd.number, stream.mark))
