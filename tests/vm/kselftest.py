# SPDX-License-Identifier: GPL-2.0
"""Runs selftests of the kernel tree in a guest, and reads the TAP that they print."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePath

from . import check
from .errors import CheckFailed
from .guest import Guest
from .vm import Vm

FOLDER = "tools/testing/selftests"
PASS, SKIP = 0, 4
"""What a program returns: all that ran has passed, nothing could run."""

_PLAN = re.compile(r"1\.\.(?P<count>\d+)")
_RESULT = re.compile(
    r"(?P<verdict>ok|not ok) \d+ ?(?P<name>[^#]*?)\s*(# *(?P<word>SKIP|XFAIL|XPASS)?(?P<why>.*))?"
)


@dataclass
class Tap:
    """What a program has said."""

    program: str
    status: int = PASS
    lines: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    """The tests that could not run, and why."""
    others: list[str] = field(default_factory=list)
    """The lines of all other results. There should be none."""

    def read(self, line: str) -> None:
        """Sorts a line."""
        self.lines.append(line)
        found = _RESULT.fullmatch(line)
        if not found:
            return
        if found["verdict"] == "ok" and not found["word"]:
            self.passed.append(found["name"])
        elif found["verdict"] == "ok" and found["word"] == "SKIP":
            self.skipped[found["name"]] = found["why"].strip()
        else:
            self.others.append(line)

    @property
    def planned(self) -> int | None:
        """How many results were announced."""
        plans = [found for line in self.lines if (found := _PLAN.match(line))]
        return int(plans[0]["count"]) if plans else None

    def returned(self, status: int) -> None:
        """Fails unless this is the status."""
        last = self.lines[-1] if self.lines else ""
        check.equal(f"status of {self.program}, which ended with {last!r}", self.status, status)

    def judge(self, *skips: str) -> None:
        """Fails unless each test passed, or was skipped for one of these reasons."""
        check.empty(f"failures of {self.program}", self.others)
        self.returned(PASS)
        found = len(self.passed) + len(self.skipped)
        if not self.passed or found != self.planned:
            raise CheckFailed(f"{self.program}: {found} results instead of {self.planned}")
        reasons = sorted(set(self.skipped.values()))
        check.equal(f"reasons of {self.program} to skip", reasons, sorted(skips))


def run(guest: Guest, program: str, *arguments: str) -> Tap:
    """Runs a program to its end. What it says on stderr is on the console."""
    name = PurePath(program).name
    process = guest.run(f"/{name}", *arguments)
    tap = Tap(name)
    for line in process.lines():
        tap.read(line)
    tap.status = process.wait()
    return tap


def passed(vm: Vm, tap: Tap, *skips: str) -> None:
    """Fails unless each test passed, or was skipped for one of these reasons. Tells how many."""
    tap.judge(*skips)
    vm.remark(f"{tap.program}: {len(tap.passed)} passed, {len(tap.skipped)} skipped")
    for reason, count in Counter(tap.skipped.values()).items():
        vm.remark(f"{tap.program}: {count} skipped: {reason}")
