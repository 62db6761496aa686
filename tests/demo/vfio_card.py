# SPDX-License-Identifier: GPL-2.0
"""The card driven from user space, through vfio-pci, and its ring as the host sees it."""

import struct

from vm import Failure
from vm.drivers import Driven
from vm.ram import GuestRam

from .card import Statistics, Taken
from .frames import Stream
from .ring import BUFFER, DESCRIPTOR, DESCRIPTORS, PAGE, Ring

# tests/agent/src/drivers/memory.rs: what the first page begins with.
_MARK = b"dmamem1\0"
_HEAD = struct.Struct("<8s8sI")
_TABLE = 64
_STATE_PAGES = 8

# tests/agent/src/drivers/e1000e.rs: the words of the state.
_NEXT = 0
_RING = 16
_RING_PAGES = DESCRIPTORS * DESCRIPTOR // PAGE
_BUFFERS = _RING + _RING_PAGES
_BUFFER_PAGES = DESCRIPTORS * BUFFER // PAGE


class VfioCard(Driven):
    """A card that is driven by the agent."""

    NAME = "e1000e"
    # Some pages more, so that those of the ring can be contiguous.
    PAGES = 2048

    def statistics(self) -> Statistics:
        """Reads the state of the ring."""
        running, full, waiting = (int(word) for word in self.request("statistics"))
        return Statistics(running=running, waiting=waiting, capacity=DESCRIPTORS - 1, full=full)

    def take(self, stream: Stream) -> Taken:
        """Reads all frames that have arrived."""
        return Taken.parse(self.request("take", stream.mark))


class Memory:
    """Memory for a device, found by its mark. The table tells where its pages are."""

    def __init__(self, ram: GuestRam) -> None:
        self._ram = ram
        head = _MARK + bytes(255 - byte for byte in _MARK)
        # The first page has its own address in the table.
        found = [at for at in ram.find(head, align=PAGE) if ram.u64(at + _TABLE) == at]
        if len(found) != 1:
            raise Failure(f"{len(found)} memories for devices in guest memory")
        _, _, self.pages = _HEAD.unpack(ram.read(found[0], _HEAD.size))
        self._table_pages = -(-(_TABLE + 8 * self.pages) // PAGE)
        self.addresses: list[int] = []
        self.addresses = self._read_table(found[0])

    def _read_table(self, first: int) -> list[int]:
        # Those of the table itself are in its first page.
        own = self._ram.read(first + _TABLE, 8 * self._table_pages)
        pages = struct.unpack(f"<{self._table_pages}Q", own)
        table = b"".join(self._ram.read(page, PAGE) for page in pages)
        return list(struct.unpack_from(f"<{self.pages}Q", table, _TABLE))

    def intact(self) -> bool:
        """Whether the table is as it was."""
        return self._read_table(self.addresses[0]) == self.addresses

    def words(self, first: int, count: int) -> tuple[int, ...]:
        """Words of the driver's state."""
        begin = self._table_pages
        state = b"".join(
            self._ram.read(page, PAGE) for page in self.addresses[begin : begin + _STATE_PAGES]
        )
        return struct.unpack_from(f"<{count}I", state, 4 * first)


class VfioRing(Ring):
    """The ring of a card that is driven by the agent."""

    def __init__(self, ram: GuestRam) -> None:
        super().__init__(ram)
        self._memory = Memory(ram)
        self._ring = self._addresses(_RING, _RING_PAGES)
        self._buffers = self._addresses(_BUFFERS, _BUFFER_PAGES)

    def _addresses(self, first: int, count: int) -> list[int]:
        return [self._memory.addresses[page] for page in self._memory.words(first, count)]

    def next(self) -> int:
        """The slot that user space reads next."""
        return self._memory.words(_NEXT, 1)[0]

    def canaries_alive(self) -> bool:
        """Whether the table of addresses is unchanged."""
        return self._memory.intact()

    def descriptor(self, slot: int) -> int:
        """The address of a descriptor."""
        page, at = divmod(slot * DESCRIPTOR, PAGE)
        return self._ring[page] + at

    def buffer(self, slot: int) -> int:
        """The address of a buffer."""
        page, at = divmod(slot * BUFFER, PAGE)
        return self._buffers[page] + at
