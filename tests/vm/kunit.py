# SPDX-License-Identifier: GPL-2.0
"""The KUnit suites of a kernel: run in a guest, read by the kernel's own parser.

The suites run when the kernel boots. The agent reads their results from debugfs, so
lost or interleaved console lines do not matter, and a suite that did not run is
reported as missing.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import paths
from .errors import Failure, SetupError
from .guest import Guest
from .left import leave
from .machine import Machine
from .runner import Result, run_one
from .scenario import Scenario
from .splat import Expected
from .vm import Vm

# Doctests of the kernel crate keep timers on the stack, which DEBUG_OBJECTS reports.
EXPECTED = [
    Expected(r"ODEBUG: object \S+ is on stack \S+, but NOT annotated", None),
    Expected(r"WARNING: lib/debugobjects.c:\d+ at debug_object_is_on_stack", None),
    Expected(r"Call Trace:", None),
    # Of failnth, which has allocations fail.
    Expected(r"SLUB: Unable to allocate memory on ", None),
]

_RESULTS = "/sys/kernel/debug/kunit"

# How often a suite tried something: "every byte of the record: 49205 tries, 1884 refused".
# Slower kernels try less.
_TRIES_ALL = "base"
_TRIED = re.compile(r"pci_liveupdate: every byte of ([^:]+): ([^\n]+)")


def _fetch(guest: Guest, suite: str) -> list[str]:
    """The document of a suite, without the lines that number it among others."""
    text = guest.read(f"{_RESULTS}/{suite}/results").decode("utf-8", "replace")
    lines = text.splitlines()
    if lines[:2] != ["KTAP version 1", "1..1"]:
        raise Failure(f"suite {suite}: no KTAP in debugfs")
    return lines[2:]


def _document(suites: dict[str, list[str]]) -> str:
    """One KTAP document of all suites, which are numbered again."""
    lines = ["KTAP version 1", f"1..{len(suites)}"]
    for number, body in enumerate(suites.values(), start=1):
        lines += [re.sub(r"^(ok|not ok) 1 ", rf"\1 {number} ", line) for line in body]
    return "\n".join(lines) + "\n"


def _parse(document: Path, config: str) -> dict[str, Any]:
    """The result of the kernel's own parser."""
    source = paths.kernel_source(config)
    parsed = document.with_suffix(".json")
    command = [
        sys.executable, str(source / "tools/testing/kunit/kunit.py"), "parse",
        f"--json={parsed}", str(document),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    document.with_suffix(".parsed").write_text(done.stdout + done.stderr, encoding="utf-8")
    try:
        found: dict[str, Any] = json.loads(parsed.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise SetupError(f"kunit.py parse failed: {done.stderr.strip() or done.stdout}") from err
    return found


def _cases(group: dict[str, Any], prefix: str = "") -> list[Result]:
    found = []
    for case in group.get("test_cases", []):
        result = Result(f"{prefix}{case['name']}")
        if case["status"] not in ("PASS", "SKIP"):
            result.problems.append(f"KUnit says {case['status']}")
        found.append(result)
    for sub in group.get("sub_groups", []):
        found += _cases(sub, f"{prefix}{sub['name']}.")
    return found


def judge(suites: dict[str, list[str]], directory: Path, config: str) -> list[Result]:
    """A result for each test of these suites."""
    document = directory / "results.ktap"
    document.write_text(_document(suites), encoding="utf-8")
    return _cases(_parse(document, config))


def _leave(console: str) -> None:
    """Keeps what the suites tell of how often something was tried."""
    for part, counts in _TRIED.findall(console):
        numbers = (count.split(" ", 1) for count in counts.split(", "))
        leave("bytes", part, {what: int(number) for number, what in numbers})


def run(
    config: str, accel: Sequence[str], wanted: str = "*", leaks: bool = False
) -> list[Result]:
    """Runs all suites of a kernel, or those that match, and checks the boot."""
    suites: dict[str, list[str]] = {}

    def story(vm: Vm) -> None:
        guest = vm.boot(f"kunit.enable=1 kunit.filter_glob={wanted}")
        for name in guest.names(_RESULTS):
            suites[name] = _fetch(guest, name)
        if not suites:
            raise Failure("no KUnit suite ran")

    sentence = "Boots the kernel and runs its KUnit suites."
    machine = Machine(leaks=1 if leaks else None)
    boot = run_one(Scenario("kunit", sentence, machine, story, EXPECTED), config, accel)
    if not suites or boot.directory is None:
        return [boot]
    results = judge(suites, boot.directory, config)
    if not results:
        boot.problems.append("KUnit suites without a single test")
    if config == _TRIES_ALL and all(result.passed for result in results):
        _leave((boot.directory / "console.log").read_text("utf-8", "replace"))
    return [*results, boot]
