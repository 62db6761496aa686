# SPDX-License-Identifier: GPL-2.0
"""The debugfs files of the core, and their expected contents."""

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
    r"\s+(?P<count>\d+)(?:\s+(?P<state>\w+))?"
    r"(?:, (?P<detail>.*))?"
)


@dataclass(frozen=True)
class Entry:
    """A line of `outgoing` or `incoming`."""

    kind: str
    """`endpoint` or `bridge`; `unknown` if the function was not found."""
    count: int
    """The number of preserved functions at or below this one."""
    state: str
    detail: str
    """What the function is, whether its DMA goes on, and what is different."""


def entries(text: str) -> dict[str, Entry]:
    """The lines by BDF. A line that cannot be parsed is an error."""
    found: dict[str, Entry] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise Failure(f"unexpected line in {DEBUGFS}: {line!r}")
        if match["bdf"] in found:
            raise Failure(f"{match['bdf']} is there twice in {DEBUGFS}")
        state = match["state"] or ""
        detail = match["detail"] or ""
        found[match["bdf"]] = Entry(match["kind"], int(match["count"]), state, detail)
    return found


def counters(text: str) -> dict[str, int]:
    """The counters in `stats`."""
    pairs = (line.split() for line in text.splitlines())
    return {name: int(count) for name, count in pairs}


def formats(text: str) -> dict[str, list[str]]:
    """The lines of `formats`, by kind."""
    return {kind: names for kind, *names in map(str.split, text.splitlines())}


def summary(handed_over: int, found: int) -> str:
    """The summary that the core logs after boot enumeration."""
    missing = handed_over - found
    return (
        f"pci_liveupdate: {handed_over} functions handed over, {found} found, {missing} missing"
    )


def counts(found: dict[str, Entry]) -> dict[str, int]:
    """Only the count of each function."""
    return {bdf: entry.count for bdf, entry in found.items()}


def due(*devices: Pci) -> dict[str, int]:
    """The expected counts if exactly these functions are preserved."""
    return dict(Counter(item.bdf for function in devices for item in function.line))
