# SPDX-License-Identifier: GPL-2.0
"""The console of a machine: recorded and scanned, but not used for verdicts."""

import re
from collections.abc import Sequence
from pathlib import Path

from .splat import Expected, Finding, scan

_BANNER = re.compile(r"Linux version \d")
# Left in the log by boot firmware and serial ports.
_NOISE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1bc|[\x00-\x08\x0b-\x1f]")


class Console:
    """The output of all kernels of a machine, in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def text(self) -> str:
        """The output so far, without control characters."""
        text = self._path.read_text(encoding="utf-8", errors="backslashreplace")
        return _NOISE.sub("", text)

    def lines(self) -> list[str]:
        """The output so far, by line."""
        return self.text().splitlines()

    def kernels(self) -> list[list[str]]:
        """The lines of each kernel, which begin with its banner."""
        found: list[list[str]] = []
        for line in self.lines():
            if _BANNER.search(line):
                found.append([])
            if found:
                found[-1].append(line)
        return found

    def tail(self, count: int = 15) -> list[str]:
        """The last lines that are not empty."""
        return [line for line in self.lines() if line.strip()][-count:]

    @staticmethod
    def matches(pattern: str, lines: Sequence[str]) -> list[str]:
        """The lines that match this pattern."""
        return [line for line in lines if re.search(pattern, line)]

    def findings(self, expected: Sequence[Expected]) -> list[Finding]:
        """What the scan finds. A log without a kernel in it is an error."""
        if not self.kernels():
            return [Finding("console", "no kernel ever printed its banner")]
        return scan(self.lines(), expected)
