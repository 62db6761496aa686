# SPDX-License-Identifier: GPL-2.0
"""The tracepoints of the core, read from the trace buffer of a kernel.

A buffer does not survive kexec, so each kernel is asked for its own part. The time stamp
counter runs on, so that the parts fit together.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .errors import Failure
from .guest import Guest

TRACEFS = "/sys/kernel/tracing"
SYSTEM = "pci_liveupdate"

# Devices arrive before user space can enable anything.
AT_BOOT = f"trace_event={SYSTEM}:* trace_clock=x86-tsc"

_LINE = re.compile(
    rf".*\s(?P<ticks>\d+): {SYSTEM}_(?P<name>\w+): "
    r"(?P<bdf>[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])(?: error=(?P<error>-?\d+))?"
)
_FIELD = re.compile(r"^\tfield:[^;]*?(?P<name>\w+);", re.MULTILINE)
_TSC = re.compile(r"tsc: .*?(?P<mhz>\d+\.\d+) MHz")


@dataclass(frozen=True)
class Event:
    """A line of the trace."""

    ticks: int
    """What the time stamp counter said."""
    name: str
    bdf: str
    error: int | None

    @property
    def what(self) -> tuple[str, str, int | None]:
        """All but the time."""
        return self.name, self.bdf, self.error

    def __str__(self) -> str:
        error = "" if self.error is None else f" error {self.error}"
        return f"{self.name} {self.bdf}{error}"


def switch(guest: Guest, on: bool) -> None:
    """Enables or disables all events of the core."""
    guest.write(f"{TRACEFS}/events/{SYSTEM}/enable", str(int(on)))


def start(guest: Guest) -> None:
    """Traces from now on what `AT_BOOT` has a kernel trace from its start."""
    guest.write(f"{TRACEFS}/trace_clock", "x86-tsc")
    switch(guest, True)


def events(guest: Guest) -> list[Event]:
    """What the buffer of this kernel contains, oldest first."""
    found = []
    for line in guest.text(f"{TRACEFS}/trace").splitlines():
        if line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise Failure(f"unexpected line in the trace: {line!r}")
        error = None if match["error"] is None else int(match["error"])
        found.append(Event(int(match["ticks"]), match["name"], match["bdf"], error))
    return found


def fields(guest: Guest, name: str) -> set[str]:
    """The fields that tools can read and filter by, without those of every event."""
    text = guest.text(f"{TRACEFS}/events/{SYSTEM}/{SYSTEM}_{name}/format")
    every = (match["name"] for match in _FIELD.finditer(text))
    return {field for field in every if not field.startswith("common_")}


def timeline(guest: Guest, *kernels: list[Event]) -> Iterator[str]:
    """The events of successive kernels in one line each, with the time since the first."""
    [line, *_] = guest.said("tsc: Detected")
    match = _TSC.search(line)
    if match is None:
        raise Failure(f"no frequency in {line!r}")
    start_ticks = min(event.ticks for part in kernels for event in part)
    for number, part in enumerate(kernels, start=1):
        for event in part:
            ms = (event.ticks - start_ticks) / float(match["mhz"]) / 1000
            yield f"{ms:12.3f} ms  kernel {number}  {event}"
