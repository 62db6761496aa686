#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Compare what the kernel shows of live updates with what the pages say about it.

Each warning and error of the core, of vfio and of what the patches add has a row in a table whose
first column is called "Line", and each row is a line that the code can log. Words in capitals stand
for what a line has from elsewhere. The files in debugfs, what is counted there, and the
tracepoints are described.

The samples are left out: they are read by whoever changes them.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
PAGES = [TOP / "Documentation" / "PCI" / name for name in ("liveupdate.rst", "liveupdate-vfio.rst")]
PATCHES = TOP / "patches" / "7.3"

CALL = re.compile(
    r"\b(?:(?:pr|dev|pci)_(?P<level>emerg|alert|crit|err|warn|notice|info)"
    r"(?:_once|_ratelimited)?!?|bindings::(?P<panic>panic))\("
)
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)
SOURCE_GAP = re.compile(r"\{[^{}]*\}|%[-#0-9.]*(?:ll|l|z|h)?[a-zA-Z]+")
PAGE_GAP = re.compile(r"\b(?:REASON|BDF|N|VALUE|DRIVER|ID|ERROR|NAME)\b")
GAP = "\0"
SERIOUS = {"emerg", "alert", "crit", "err", "warn", "notice", "panic"}
# A call is shorter than that.
REACH = 600


@dataclass(frozen=True)
class Line:
    """A line of the log. `GAP` stands for what is known at run time only."""

    text: str
    where: str
    serious: bool = True

    def words(self) -> int:
        """How many words are always the same."""
        return len(re.findall(r"\w+", self.text))

    def may_be(self, other: "Line") -> bool:
        """Whether the gaps of one of them can be filled so that it is the other one."""
        return bool(self._pattern().fullmatch(other.text) or other._pattern().fullmatch(self.text))

    def _pattern(self) -> re.Pattern[str]:
        return re.compile(".+".join(map(re.escape, self.text.split(GAP))))


def end_of_call(code: str, start: int) -> int:
    """Where the parenthesis is closed that was opened before `start`."""
    depth, at = 1, start
    while depth and at < min(len(code), start + REACH):
        string = STRING.match(code, at)
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        at = string.end() if string else at + 1
    return at


def format_of(call: str) -> str | None:
    """The first string among the arguments, with those that C appends to it."""
    first = STRING.search(call)
    if not first:
        return None
    text, at = first[1], first.end()
    while more := re.compile(r"\s*" + STRING.pattern, re.S).match(call, at):
        text, at = text + more[1], more.end()
    text = re.sub(r"\\\n\s*", "", text).removesuffix("\\n")
    return SOURCE_GAP.sub(GAP, text)


def logged(code: str, where: str) -> Iterator[Line]:
    """What some code can log."""
    for found in CALL.finditer(code):
        text = format_of(code[found.end() : end_of_call(code, found.end())])
        if text:
            number = code.count("\n", 0, found.start()) + 1
            level = found["level"] or found["panic"]
            yield Line(text, f"{where}:{number}", level in SERIOUS)


def added(patch: Path) -> list[Line]:
    """What a patch adds. What it moves was there before."""
    lines = patch.read_text(encoding="utf-8").splitlines()
    begin = next(at for at, line in enumerate(lines) if line.startswith("diff --git"))
    sides = [
        "\n".join(line[1:] for line in lines[begin:] if line[:1] in (" ", sign)) for sign in "-+"
    ]
    before, after = (list(logged(side, patch.name)) for side in sides)
    known = {line.text for line in before}
    return [line for line in after if line.text not in known]


def all_logged() -> list[Line]:
    """What all of the series can log."""
    found: list[Line] = []
    for folder in ("src", "kernel/drivers", "kernel/rust", "kernel/include"):
        for path in sorted((TOP / folder).rglob("*.[rch]*")):
            where = str(path.relative_to(TOP))
            found += logged(path.read_text(encoding="utf-8"), where)
    for patch in sorted(PATCHES.glob("*.patch")):
        found += added(patch)
    return found


def rows(page: Path) -> Iterator[Line]:
    """The lines in the tables of a page."""
    text = page.read_text(encoding="utf-8")
    for table in text.split(".. list-table::")[1:]:
        first, *others = (row.split("\n     - ")[0] for row in table.split("\n   * - ")[1:])
        if first != "Line":
            continue
        for literal in re.findall(r"``(.*?)``", "\n".join(others), re.S):
            line = PAGE_GAP.sub(GAP, " ".join(literal.split()))
            yield Line(line, page.name)


def names() -> Iterator[str]:
    """The files in debugfs, the counters and the tracepoints."""
    report = TOP / "src" / "report"
    yield from re.findall(r'read_callback_file\(c"(\w+)"', (report / "debugfs.rs").read_text())
    [counters] = re.findall(r"const NAMES[^=]*= \[(.*?)\];", (report / "stats.rs").read_text(), re.S)
    yield from re.findall(r'"(\w+)"', counters)
    events = (TOP / "kernel/include/trace/events/pci_liveupdate.h").read_text()
    yield from re.findall(r"^DEFINE_EVENT\(\w+, (\w+)", events, re.M)
    yield from re.findall(r"^TRACE_EVENT\((\w+)", events, re.M)


def undescribed(page: Path) -> Iterator[str]:
    """The names that are not on a page."""
    text = page.read_text(encoding="utf-8")
    found = list(names())
    if len(found) < 10:
        yield f"{page.name}: only {found} are known, which cannot be"
    for name in found:
        if f"``{name}``" not in text:
            yield f"{page.name}: does not describe {name}"


def problems(code: list[Line], pages: list[Line]) -> Iterator[str]:
    """What is on one side only."""
    for line in code:
        shown = line.text.replace(GAP, "...")
        if line.serious and line.words() < 2:
            yield f"{line.where}: what the line says is not to be seen here: {shown}"
        elif line.serious and not any(line.may_be(row) for row in pages):
            yield f"{line.where}: on no page: {shown}"
    for row in pages:
        if not any(line.may_be(row) for line in code if line.words() > 1):
            yield f"{row.where}: logged nowhere: {row.text.replace(GAP, '...')}"


def main() -> int:
    code, pages = all_logged(), [row for page in PAGES for row in rows(page)]
    found = sorted({*problems(code, pages), *undescribed(PAGES[0])})
    print("\n".join(found))
    if not found:
        serious = sum(line.serious for line in code)
        print(f"{serious} lines and {len(pages)} rows, {len(list(names()))} names")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
