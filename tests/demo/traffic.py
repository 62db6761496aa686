# SPDX-License-Identifier: GPL-2.0
"""Frames that are sent to a card, and their counters."""

import time
from types import TracebackType

from vm import CheckFailed, Pci, Vm, check

from .card import Taken
from .frames import Stream
from .ring import DESCRIPTORS, KernelRing, Ring, Watch
from .sender import Sender

RATE = 1000
# How long a link may be down after a reset, and how long a frame may be under way.
_LINK = 30.0
_UNDER_WAY = 5.0


def sustainable(uptime: float) -> int:
    """Frames per second, so that the ring can hold those of three boots.

    `uptime` is the duration of a boot. It is the full rate, unless the machine is very slow.
    """
    return max(min(RATE, int(DESCRIPTORS / (3 * uptime))), 1)


class Traffic:
    """Starts when frames arrive at a card, and ends with `stop()`."""

    def __init__(
        self, vm: Vm, cable: str, function: Pci, rate: int, ring: Ring | None = None
    ) -> None:
        self.stream = Stream()
        self.ring = ring or KernelRing.of(vm.ram, function.bdf)
        self.watch = Watch(self.ring, self.stream)
        self.sender = Sender(vm.cables[cable], self.stream, rate)
        self._taken: list[Taken] = []

    def __enter__(self) -> "Traffic":
        self.watch.start()
        try:
            self._first_frame()
        except BaseException:
            self.watch.stop()
            raise
        self.sender.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.watch.stop()
        self.sender.stop()

    def _first_frame(self) -> None:
        """What was sent before the first frame that arrives does not count."""
        until = time.monotonic() + _LINK
        while not self.watch.wait_for(self.sender.attempt(), 0.02):
            if time.monotonic() > until:
                raise CheckFailed("the card receives nothing")

    @property
    def counted(self) -> range:
        """The numbers of the frames that count."""
        return range(self.sender.first, self.sender.first + self.sender.sent)

    @property
    def received(self) -> int:
        """The number of frames that have arrived in the ring."""
        tried = self.watch.numbers[: self.sender.first + 1]
        return len(self.watch.numbers) - sum(number < self.sender.first for number in tried)

    @property
    def missing(self) -> int:
        """The number of frames that are missing although later ones arrived."""
        return max(self.watch.latest - self.sender.first + 1, 0) - self.received

    @property
    def longest_gap(self) -> float:
        """The longest time between two frames, in seconds."""
        times = self.watch.times
        return max((after - before for before, after in zip(times, times[1:])), default=0.0)

    def flow(self, frames: int) -> None:
        """Returns when that many more frames have arrived."""
        wanted = max(self.watch.latest, self.sender.first) + frames
        if not self.watch.wait_for(wanted, _UNDER_WAY + 10 * frames / self.sender.rate):
            raise CheckFailed(f"reception stopped with frame {self.watch.latest}")

    def stop(self) -> None:
        """Stops sending, and waits for what is under way, for a limited time."""
        self.sender.stop()
        self.watch.wait_for(self.counted[-1], _UNDER_WAY)

    def note(self, taken: Taken) -> None:
        """Records the frames that user space read from the file of the card."""
        self._taken.append(taken)

    def problems(self) -> list[str]:
        """What is wrong with the received frames, as seen by the host and by the guest."""
        numbers = [n for taken in self._taken for run in taken.runs for n in run]
        read = [n for n in numbers if n in self.counted]
        damaged = self.watch.damaged + sum(taken.damaged for taken in self._taken)
        found = []
        if self.received != len(self.counted):
            found.append(f"{len(self.counted) - self.received} of {len(self.counted)} frames lost")
        if damaged:
            found.append(f"{damaged} frames damaged")
        if read != list(self.counted):
            found.append(f"user space read {len(read)} frames, or not in order")
        return found


def stopped(vm: Vm, function: Pci, traffic: Traffic, enough: int) -> None:
    """In the new kernel, with a card that was not preserved, before any driver is bound."""
    check.equal("driver of the card", function.driver, None)
    check.true("Bus Master of the card is off", not function.bus_master)
    seen, sent = traffic.received, traffic.sender.sent
    vm.wait_for("more frames to be sent", lambda: traffic.sender.sent > sent + enough)
    check.equal("frames received since", traffic.received, seen)
    lost = traffic.sender.sent - traffic.received
    check.true(f"frames are lost ({lost})", lost > enough)
    check.equal("damaged frames", traffic.watch.damaged, 0)
    check.true("what lies around the ring is intact", traffic.ring.canaries_alive())
