# SPDX-License-Identifier: GPL-2.0
"""What is handed over: where its parts are in memory, and their bytes."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from vm import handover
from vm.ram import GuestRam

PAGE = 4096
# The size of an entry of both lists, and of one of the record.
ENTRY, IDENTITY = 8, 32


class Part(Enum):
    """A part of what is handed over, and how much there is in front of its entries."""

    ARRAY = ("pci-v3", 8, ENTRY, PAGE)
    HEAD = ("head", 16, 0, 16)
    BLOCK = ("block", 16, ENTRY, PAGE)
    RECORD = ("record", 8, IDENTITY, 8 + 511 * IDENTITY)

    def __init__(self, title: str, header: int, entry: int, size: int) -> None:
        self.title = title
        self.header = header
        self.entry = entry
        self.size = size


@dataclass(frozen=True)
class Change:
    """A byte that is made another one."""

    part: Part
    at: int
    kind: str

    KINDS = ("00", "ff", "low", "high")

    def apply(self, byte: int) -> int:
        """The other byte, which may be the same."""
        return {"00": 0, "ff": 0xFF, "low": byte ^ 1, "high": byte ^ 0x80}[self.kind]

    def __str__(self) -> str:
        return f"{self.part.title} byte {self.at} {self.kind}"


@dataclass(frozen=True)
class Handed:
    """The parts that are there: their addresses, and their bytes before anything is changed."""

    addresses: dict[Part, int]
    contents: dict[Part, bytes]
    used: int
    """The number of entries in use."""

    @classmethod
    def find(cls, ram: GuestRam, luo: bytes) -> "Handed":
        """What a kernel hands over."""
        array, there = handover.pci_array(ram, luo), handover.pci_list(ram, luo)
        flbs = {flb.name: flb.data for flb in handover.flbs(ram, luo)}
        addresses, counts = {}, {}
        if array:
            addresses[Part.ARRAY], counts = array.address, array.counts
        if there:
            addresses[Part.HEAD], addresses[Part.BLOCK] = there.address, there.blocks[0]
            counts = there.counts
        if handover.IDENTITY in flbs:
            addresses[Part.RECORD] = flbs[handover.IDENTITY]
        contents = {part: ram.read(at, part.size) for part, at in addresses.items()}
        return cls(addresses, contents, len(counts))

    def is_change(self, change: Change) -> bool:
        """Whether it changes anything."""
        byte = self.contents[change.part][change.at]
        return change.apply(byte) != byte

    def changed(self, change: Change) -> dict[Part, bytes]:
        """The bytes after it."""
        data = bytearray(self.contents[change.part])
        data[change.at] = change.apply(data[change.at])
        return {**self.contents, change.part: bytes(data)}

    def make(self, ram: GuestRam, change: Change) -> None:
        """Makes a change in memory."""
        new = change.apply(self.contents[change.part][change.at])
        ram.write(self.addresses[change.part] + change.at, bytes([new]))

    def changes(self, sample: int, seed: int) -> Iterator[Change]:
        """All changes of headers and of entries in use, and a sample of those behind."""
        rng = random.Random(seed)
        for part in self.addresses:
            end = part.header + self.used * part.entry
            rest = range(end, part.size)
            places = [*range(end), *sorted(rng.sample(rest, min(sample, len(rest))))]
            for at in places:
                found = (Change(part, at, kind) for kind in Change.KINDS)
                yield from (change for change in found if self.is_change(change))
