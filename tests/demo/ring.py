# SPDX-License-Identifier: GPL-2.0
"""The receive ring of a card, read by the host while the card uses it.

This does not need the guest, so it also works while no kernel is running. The layout
is stated here independently of the drivers, see
kernel/samples/rust/e1000e_liveupdate/memory.rs for the one in the kernel.
"""

import threading
import time
from abc import ABC, abstractmethod
from array import array

from vm import Failure
from vm.ram import GuestRam

from .frames import SIZE, Stream

COMPATIBLE = b"e1000e-liveupdate-v1"
PAGE = 4096
_FOLIO = 1024 * PAGE
DESCRIPTORS = 60 * 256
_NEXT = 52
_DESCRIPTORS = 2 * PAGE
DESCRIPTOR = 16
_DONE = 1 << 32
_BUFFERS = 63 * PAGE
BUFFER = 256
_CANARY = (0x7A6E_6F62_6F64_7921).to_bytes(8, "little") * (PAGE // 8)
_CANARIES = (1 * PAGE, 62 * PAGE, 1023 * PAGE)

# The interval of the watch, and how long a frame may be incomplete.
_PERIOD = 0.001
_PATIENCE = 0.1


class Ring(ABC):
    """A receive ring."""

    def __init__(self, ram: GuestRam) -> None:
        self._ram = ram

    @abstractmethod
    def next(self) -> int:
        """The slot that user space reads next."""

    @abstractmethod
    def canaries_alive(self) -> bool:
        """Whether the memory that nobody should write is unchanged."""

    @abstractmethod
    def descriptor(self, slot: int) -> int:
        """The address of a descriptor."""

    @abstractmethod
    def buffer(self, slot: int) -> int:
        """The address of a buffer."""

    def frame(self, slot: int) -> bytes:
        """The contents of a buffer."""
        return self._ram.read(self.buffer(slot), SIZE)

    def head(self) -> int:
        """The slot that the card fills next."""
        slot = self.next()
        while self._ram.u64(self.descriptor(slot) + 8) & _DONE:
            slot = (slot + 1) % DESCRIPTORS
        return slot

    def strays(self, stream: Stream) -> list[int]:
        """The addresses of frames outside the buffers of this ring, in all of guest memory."""
        pages = {self.buffer(slot) // PAGE for slot in range(DESCRIPTORS)}
        return [at for at in self._ram.find(stream.mark, align=1) if at // PAGE not in pages]


class KernelRing(Ring):
    """The ring of the driver in the kernel, which is one folio."""

    def __init__(self, ram: GuestRam, address: int) -> None:
        super().__init__(ram)
        self.address = address

    @classmethod
    def of(cls, ram: GuestRam, bdf: str) -> "KernelRing":
        """The ring of a card, found by its record in memory."""
        record = COMPATIBLE.ljust(32, b"\0") + bdf.encode().ljust(16, b"\0")
        found = ram.find(record, align=_FOLIO)
        if len(found) != 1:
            raise Failure(f"{len(found)} rings of {bdf} in guest memory")
        return cls(ram, found[0])

    def next(self) -> int:
        """The slot that user space reads next."""
        return int.from_bytes(self._ram.read(self.address + _NEXT, 4), "little")

    def canaries_alive(self) -> bool:
        """Whether the memory around descriptors and buffers is unchanged."""
        return all(self._ram.read(self.address + at, PAGE) == _CANARY for at in _CANARIES)

    def descriptor(self, slot: int) -> int:
        """The address of a descriptor."""
        return self.address + _DESCRIPTORS + slot * DESCRIPTOR

    def buffer(self, slot: int) -> int:
        """The address of a buffer."""
        return self.address + _BUFFERS + slot * BUFFER


class Watch:
    """Records each frame when it arrives, in a thread.

    The number of a frame shows whether a buffer has a new one, since the driver may have
    returned the descriptor to the card already.
    """

    def __init__(self, ring: Ring, stream: Stream) -> None:
        self._ring = ring
        self._stream = stream
        self._slot = ring.head()
        self._since = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.numbers = array("Q")
        """The numbers of the frames, in the order in which they arrived."""
        self.times = array("d")
        """The times at which they arrived."""
        self.damaged = 0

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stops the thread."""
        self._end.set()
        self._thread.join()

    @property
    def latest(self) -> int:
        """The number of the last frame, -1 if there is none."""
        return self.numbers[-1] if self.numbers else -1

    def wait_for(self, number: int, timeout: float) -> bool:
        """Waits for a frame with that number, or a later one."""
        until = time.monotonic() + timeout
        while self.latest < number and time.monotonic() < until:
            time.sleep(_PERIOD)
        return self.latest >= number

    def _run(self) -> None:
        while not self._end.wait(_PERIOD):
            now = time.monotonic()
            while self._look(now):
                self._slot = (self._slot + 1) % DESCRIPTORS
                self._since = 0.0

    def _look(self, now: float) -> bool:
        """Whether the card has filled this buffer."""
        data = self._ring.frame(self._slot)
        number = self._stream.number(data)
        if number is None or number <= self.latest:
            return False
        if self._stream.intact(data, number):
            self.numbers.append(number)
            self.times.append(now)
            return True
        # Either the card is writing it at this moment, or it is damaged.
        self._since = self._since or now
        if now - self._since < _PATIENCE:
            return False
        self.damaged += 1
        return True
