# SPDX-License-Identifier: GPL-2.0
"""Reads KCSAN's reports from a console, and judges whose they are.

Each report is about two accesses, or one if the other one was not instrumented (Rust is not).
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .known import KNOWN, Known
from .source import Frame, Source

_TITLE = re.compile(r"BUG: KCSAN: (data-race|assert: race) in \S")
_ACCESS = re.compile(
    r"(?:race at unknown origin, with )?(?P<how>(?:read|write|assert)[\w ,()-]*)"
    r" to 0x[0-9a-f]+ of \d+ bytes by "
)
_FRAME = re.compile(r"(?P<symbol>\S+)\+0x(?P<offset>[0-9a-f]+)/0x(?P<size>[0-9a-f]+)$")
_OTHER = re.compile(
    r"={60,}$|$|value changed: |bits changed: |\|$|\+-> reordered to"
    r"|Reported by Kernel Concurrency Sanitizer on:"
)
_STAMP = re.compile(r"^\[ *\d+\.\d+\] ?")
_END = "Reported by Kernel Concurrency Sanitizer on:"


@dataclass
class Access:
    """One of the two."""

    how: str
    """"write (marked)" and the like."""
    stack: list[Frame] = field(default_factory=list)
    """The innermost frame first."""


@dataclass
class Report:
    """A data race."""

    title: str
    accesses: list[Access] = field(default_factory=list)

    def lines(self, source: Source) -> list[str]:
        """For the reader, with lines of the source."""
        found = [self.title]
        for access in self.accesses:
            found.append(f"  {access.how}:")
            for frame in access.stack[:8]:
                places = source.places(frame)
                found += [f"    {place}" for place in places] or [f"    {frame}"]
        return found


def split(lines: Iterable[str]) -> tuple[list[Report], list[str]]:
    """The reports, and the lines that are not part of one."""
    reports: list[Report] = []
    rest: list[str] = []
    inside = False
    for line in lines:
        text = _STAMP.sub("", line).strip()
        if _TITLE.match(text):
            reports.append(Report(text.removeprefix("BUG: KCSAN: ")))
            inside = True
        elif not inside or not _belongs(reports[-1], text):
            rest.append(line)
            continue
        # The line of the processor follows, and is harmless.
        inside = text != _END
    return reports, rest


def _belongs(report: Report, text: str) -> bool:
    """Adds what a line says to its report. Other processors print in between."""
    if match := _ACCESS.match(text):
        report.accesses.append(Access(match["how"]))
        return True
    if match := _FRAME.match(text):
        if not report.accesses:
            return False
        frame = Frame(match["symbol"], int(match["offset"], 16), int(match["size"], 16))
        report.accesses[-1].stack.append(frame)
        return True
    return bool(_OTHER.match(text))


# Frames above the access that make it ours: who asks a function for what it reads has to
# hold the lock.
_NEAR = 3


def is_ours(report: Report, source: Source) -> bool:
    """Whether an access is in our code, or in a function that our code has just called."""
    frames = [frame for access in report.accesses for frame in access.stack[:_NEAR]]
    # Who cannot tell must not say no.
    if not any(source.places(frame) for frame in frames):
        return True
    return any(source.is_ours(frame) for frame in frames)


@dataclass
class Verdict:
    """What the reports of a run come to."""

    ours: list[Report] = field(default_factory=list)
    known: Counter[str] = field(default_factory=Counter)
    """In functions that we change, but not ours, by title and reason."""
    others: Counter[str] = field(default_factory=Counter)
    """In the rest of the kernel, by title."""


def _excuse(report: Report, source: Source, known: Sequence[Known]) -> str | None:
    """The reason why it is not ours, if it is a known one."""
    lines = {source.text(access.stack[0]) for access in report.accesses if access.stack}
    return next(
        (it.reason for it in known if re.fullmatch(it.title, report.title) and it.line in lines),
        None,
    )


def judge(
    reports: Sequence[Report], source: Source, known: Sequence[Known] = tuple(KNOWN)
) -> Verdict:
    """Sorts them."""
    verdict = Verdict()
    for report in reports:
        if not is_ours(report, source):
            verdict.others[report.title] += 1
        elif reason := _excuse(report, source, known):
            verdict.known[f"{report.title} ({reason})"] += 1
        else:
            verdict.ours.append(report)
    return verdict
