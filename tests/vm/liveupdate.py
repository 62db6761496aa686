# SPDX-License-Identifier: GPL-2.0
"""What the core shows of itself in debugfs, and what it has to show."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Failure

if TYPE_CHECKING:
    from .pci import Pci

DEBUGFS = "/sys/kernel/debug/pci_liveupdate"

_LINE = re.compile(
    r"(?P<bdf>[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\s+(?P<kind>endpoint|bridge|unknown)"
    r"\s+(?P<count>\d+)(?:\s+(?P<state>\S.*))?"
)


@dataclass(frozen=True)
class Entry:
    """A line of `outgoing` or `incoming`."""

    kind: str
    """`endpoint` or `bridge`; `unknown` if the function never showed up."""
    count: int
    """Of preserved functions at or below this one."""
    state: str


def entries(text: str) -> dict[str, Entry]:
    """The lines by BDF. A line that says something else is an error, not nothing."""
    found: dict[str, Entry] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise Failure(f"unexpected line in {DEBUGFS}: {line!r}")
        if match["bdf"] in found:
            raise Failure(f"{match['bdf']} is there twice in {DEBUGFS}")
        state = match["state"] or ""
        found[match["bdf"]] = Entry(match["kind"], int(match["count"]), state)
    return found


def counters(text: str) -> dict[str, int]:
    """The lines of `stats`."""
    pairs = (line.split() for line in text.splitlines())
    return {name: int(count) for name, count in pairs}


def summary(handed_over: int, found: int) -> str:
    """What the core says when boot enumeration is done."""
    missing = handed_over - found
    return (
        f"pci_liveupdate: {handed_over} functions handed over, {found} found, {missing} missing"
    )


def counts(found: dict[str, Entry]) -> dict[str, int]:
    """Nothing but the count of each function."""
    return {bdf: entry.count for bdf, entry in found.items()}


def due(*devices: Pci) -> dict[str, int]:
    """The counts when exactly these are preserved: one for all that lies on their way up."""
    return dict(Counter(item.bdf for function in devices for item in function.line))
