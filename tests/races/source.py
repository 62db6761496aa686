# SPDX-License-Identifier: GPL-2.0
"""Whose code a line of the kernel is: new files of ours, and functions that a patch changes."""

import difflib
import json
import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vm import paths
from vm.errors import SetupError

_SYMBOLIZER = "/usr/lib/llvm-19/bin/llvm-symbolizer"
# Where a function begins: a line that starts at the margin and has a parameter list.
_FUNCTION = re.compile(r"^(?!#|/|\*|EXPORT|MODULE)\w[^;=]*?\b(?P<name>\w+)\(")


@dataclass(frozen=True)
class Frame:
    """A line of a stack."""

    symbol: str
    offset: int
    size: int

    def __str__(self) -> str:
        return f"{self.symbol}+{self.offset:#x}/{self.size:#x}"


@dataclass(frozen=True)
class Place:
    """A line of the source."""

    function: str
    file: str
    """In the kernel tree."""
    line: int

    def __str__(self) -> str:
        return f"{self.function} {self.file}:{self.line}"


def changed_functions(before: list[str], after: list[str]) -> set[str]:
    """The functions of a C file that have other lines than before."""
    owners, owner = [], ""
    for line in after:
        if match := _FUNCTION.match(line):
            owner = match["name"]
        owners.append(owner)
        # What follows is at the margin, too.
        if line.startswith("}"):
            owner = ""
    found = set()
    matcher = difflib.SequenceMatcher(a=before, b=after, autojunk=False)
    for what, _, _, begin, end in matcher.get_opcodes():
        if what == "delete":
            # The lines are not there any more, but those around them are.
            found |= set(owners[max(begin - 1, 0) : end + 1])
        elif what != "equal":
            found |= set(owners[begin:end])
    return found - {""}


class Source:
    """The tree that a kernel was built from."""

    def __init__(self, config: str) -> None:
        self._tree = paths.kernel_source(config)
        self._vmlinux = paths.existing(
            paths.build(config) / "vmlinux", f"make kernel CONFIG={config}"
        )
        self._found: dict[Frame, list[Place]] = {}
        state = self._tree / ".pci-liveupdate"
        written = json.loads((state / "written.json").read_text(encoding="utf-8"))
        originals = state / "originals"
        self._changed = {
            name: changed_functions(_lines(originals / name), _lines(self._tree / name))
            for name in written
            if name.endswith((".c", ".h")) and (originals / name).exists()
        }
        self._new = {name for name in written if not (originals / name).exists()}

    @cached_property
    def _symbols(self) -> dict[tuple[str, int], list[int]]:
        """The addresses of functions by name and size, which may not be unique."""
        found: dict[tuple[str, int], list[int]] = {}
        listed = subprocess.run(
            ["nm", "--numeric-sort", str(self._vmlinux)], capture_output=True, text=True, check=True
        ).stdout
        symbols = [line.split() for line in listed.splitlines() if len(line.split()) == 3]
        addresses = sorted({int(address, 16) for address, _, _ in symbols})
        ends = dict(zip(addresses, addresses[1:], strict=False))
        for address, kind, name in symbols:
            if kind in "tTwW":
                start = int(address, 16)
                found.setdefault((name, ends.get(start, start) - start), []).append(start)
        return found

    def places(self, frame: Frame) -> list[Place]:
        """The line of a frame, after those of the functions that are inlined there."""
        if frame not in self._found:
            starts = self._symbols.get((frame.symbol, frame.size), [])
            # What is on the stack is the address to return to.
            self._found[frame] = [
                place for start in starts for place in self._resolve(start + frame.offset - 1)
            ]
        return self._found[frame]

    @cached_property
    def _symbolizer(self) -> subprocess.Popen[str]:
        """Answers a line with a line. It reads the debug information once, and ends with us."""
        command = [_SYMBOLIZER, f"--obj={self._vmlinux}", "--output-style=JSON"]
        pipe = subprocess.PIPE
        # pylint: disable-next=consider-using-with
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)

    def text(self, frame: Frame) -> str:
        """The line of a frame, the innermost one if functions are inlined there."""
        for place in self.places(frame)[:1]:
            path = self._tree / place.file
            lines = _lines(path) if path.exists() else []
            if 0 < place.line <= len(lines):
                return lines[place.line - 1].strip()
        return ""

    def _resolve(self, address: int) -> list[Place]:
        asked, told = self._symbolizer.stdin, self._symbolizer.stdout
        if asked is None or told is None:
            raise SetupError(f"{_SYMBOLIZER} has no pipes")
        asked.write(f"{address:#x}\n")
        asked.flush()
        symbols = json.loads(told.readline())["Symbol"]
        return [
            Place(it["FunctionName"], self._name(it["FileName"]), it["Line"]) for it in symbols
        ]

    def _name(self, path: str) -> str:
        """A path of the debug information, in the tree."""
        for root in (self._tree, self._vmlinux.parent):
            if path.startswith(f"{root}/"):
                return path.removeprefix(f"{root}/")
        return path.removeprefix("./")

    def is_ours(self, frame: Frame) -> bool:
        """Whether it is in a new file of ours, or in a function that a patch changes."""
        return any(
            place.file in self._new or place.function in self._changed.get(place.file, ())
            for place in self.places(frame)
        )


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()
