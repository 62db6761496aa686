# SPDX-License-Identifier: GPL-2.0
"""Time limits that tell a guest that hangs from a host that stalls.

A limit counts the time of the guest: that in which its process ran, or had nothing to do. It does
not count the time in which a thread of the process waited for a processor or for a disk, in which
it was stopped, or in which nothing ran at all, this program included.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from .errors import GuestSilent, HostStalled

# Seconds in which most answers come. Before that, a look at the process is not worth its time.
AT_ONCE = 0.1
# Seconds from one look to the next.
PERIOD = 1.0
# If that takes longer by so much, this program did not run.
_SLACK = 1.0
# Seconds of a stall after which nobody waits any longer.
_MOST = 3600.0


@dataclass(frozen=True)
class Thread:
    """What a thread has done so far."""

    asleep: bool
    """It waits for something to happen. Otherwise it runs, or is kept from that by the host."""
    ran: float
    """For how many seconds it ran."""
    waited: float
    """For how many seconds it waited for a processor before it got one."""


def threads(pid: int) -> dict[int, Thread]:
    """The threads of a process, none if it has ended."""
    found = {}
    with suppress(OSError):
        for path in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                # The name, in parentheses, can contain anything.
                _, _, state = (path / "stat").read_text(encoding="utf-8").rpartition(") ")
                ran, waited, _ = (path / "schedstat").read_text(encoding="ascii").split()
                asleep = state[:1] not in ("R", "D", "T", "t")
                found[int(path.name)] = Thread(asleep, int(ran) / 1e9, int(waited) / 1e9)
    return found


def progress(before: dict[int, Thread], after: dict[int, Thread], passed: float) -> float:
    """How much of the time that passed a process had for itself."""
    waited = ran = 0.0
    for number, now in after.items():
        then = before.get(number, Thread(True, 0, 0))
        ran = max(ran, now.ran - then.ran)
        # What a thread waits is known when it gets to run again.
        held = now.ran == then.ran and not now.asleep and not then.asleep
        waited = max(waited, passed if held else now.waited - then.waited)
    return min(max(passed - waited, ran), passed)


class Clock:
    """The time of a guest, as far as somebody waits for it."""

    def __init__(
        self,
        look: Callable[[], dict[int, Thread]],
        now: Callable[[], float] = time.monotonic,
        at_once: float = AT_ONCE,
        period: float = PERIOD,
    ) -> None:
        self.look = look
        self.now = now
        self.at_once = at_once
        self.period = period
        self.stalls: list[str] = []
        """The limits that the guest kept because the host stalled, a line each."""

    @classmethod
    def of(cls, pid: int) -> "Clock":
        """That of the guest in a process."""
        return cls(lambda: threads(pid))

    def limit(self, seconds: float, what: str) -> "Limit":
        """Begins to wait for something."""
        return Limit(self, seconds, what)


class Limit:
    """How long to wait for something. Use it in a `with` block."""

    def __init__(self, clock: Clock, seconds: float, what: str) -> None:
        self._clock = clock
        self._seconds = seconds
        self._what = what
        self._first = clock.at_once > 0
        self._before = None if self._first else clock.look()
        self._began = self._last = clock.now()
        self.used = 0.0
        """The time of the guest so far."""

    def __enter__(self) -> "Limit":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        err: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._count(None if self._before is None else self._clock.look())
        if self._passed > self._seconds > self.used:
            self._clock.stalls.append(f"{self._what} took {self._told()}")

    def over(self) -> bool:
        """Whether the guest has used all its time."""
        self._count(self._clock.look())
        if self.used < self._seconds < self._passed - _MOST:
            raise HostStalled(f"{self._what} took {self._told()}")
        return self.used >= self._seconds

    def pause(self) -> float:
        """How long to wait before the next call. Fails if the guest has used all its time."""
        if self._first:
            self._first = False
            return min(self._seconds, self._clock.at_once)
        if self.over():
            raise GuestSilent(f"no answer in time: {self._what} took {self._told()}")
        return max(min(self._seconds - self.used, self._clock.period), 0.001)

    @property
    def _passed(self) -> float:
        return self._last - self._began

    def _told(self) -> str:
        return f"{self._passed:.1f} s, of which the guest had {self.used:.1f} s"

    def _count(self, now: dict[int, Thread] | None) -> None:
        """Counts the time since the last call: all of it, if nobody looked before and now."""
        before, self._before = self._before, now
        last, self._last = self._last, self._clock.now()
        passed = min(self._last - last, self._clock.period + _SLACK)
        if before is None or now is None:
            self.used += passed
        else:
            self.used += progress(before, now, passed)
