# SPDX-License-Identifier: GPL-2.0
"""Every write to PCI config space, by firmware and by kernels, as traced by QEMU.

A register with the same value before and after may have had another one in between.
The trace shows that it was not written.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(
    r"pci_cfg_write (?P<model>\S+) (?P<bus>[0-9a-f]{2}):(?P<slot>[0-9a-f]{2})\.(?P<function>[0-7])"
    r" @0x(?P<offset>[0-9a-f]+) <- 0x(?P<value>[0-9a-f]+)"
)


@dataclass(frozen=True)
class Write:
    """A write. QEMU does not report its width."""

    model: str
    bdf: str
    """BUS:SLOT.FUNCTION, with the bus number at that time."""
    offset: int
    value: int

    def __str__(self) -> str:
        return f"{self.bdf} ({self.model}) @{self.offset:#x} <- {self.value:#x}"


@dataclass(frozen=True)
class Mark:
    """A position in the trace: vCPUs wait until each line is written."""

    position: int


class ConfigTrace:
    """The trace of a machine, which grows while it runs."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def mark(self) -> Mark:
        """The current position. Exact while the guest waits for requests."""
        return Mark(self._path.stat().st_size)

    def _lines(self, since: Mark | None, until: Mark | None) -> list[str]:
        begin = since.position if since else 0
        with self._path.open("rb") as file:
            file.seek(begin)
            data = file.read() if until is None else file.read(until.position - begin)
        return data.decode("ascii", "replace").splitlines()

    def writes(
        self,
        bdf: str | None = None,
        offset: int | range | None = None,
        *,
        since: Mark | None = None,
        until: Mark | None = None,
    ) -> Iterator[Write]:
        """The writes to a function, with or without its domain, at an offset or in a range."""
        offsets = range(offset, offset + 1) if isinstance(offset, int) else offset
        wanted = bdf.split(":", 1)[1] if bdf and bdf.count(":") == 2 else bdf
        for line in self._lines(since, until):
            match = _LINE.search(line)
            if not match:
                continue
            found = Write(
                match["model"],
                f"{match['bus']}:{match['slot']}.{match['function']}",
                int(match["offset"], 16),
                int(match["value"], 16),
            )
            if wanted in (None, found.bdf) and (offsets is None or found.offset in offsets):
                yield found
