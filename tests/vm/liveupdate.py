# SPDX-License-Identifier: GPL-2.0
"""What the core shows of itself in debugfs."""

import re
from dataclasses import dataclass

from .errors import Failure

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
