#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Replace the kernel of one machine again and again, and see that nothing piles up.

usage: soak.py JUMPS

A soak that was stopped goes on where it was, on a fresh machine. JUMPS is the sum.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# pylint: disable=wrong-import-position
from jumps import drift, plan  # noqa: E402
from jumps.kernel import Figures, Soak  # noqa: E402
from jumps.log import Log, subject  # noqa: E402
from vm import accel, paths, probe  # noqa: E402
from vm.cli import supervised  # noqa: E402
from vm.errors import Failure, SetupError  # noqa: E402
from vm.image import build_agent  # noqa: E402
from vm.left import leave  # noqa: E402
from vm.splat import scan  # noqa: E402
from vm.vm import Vm  # noqa: E402

CONFIG = "base"


def say(line: str) -> None:
    """A line of progress."""
    print(line, flush=True)


def other_kernels() -> list[str]:
    """The kernels of the plan that are built."""
    found = []
    for name in sorted({it.kernel for it in plan.ROUND if it.kernel}):
        try:
            paths.kernel_image(name)
            found.append(name)
        except SetupError as err:
            say(f"without the kernel {name}: {err}")
    return found


class Console:
    """What the kernels print, a part at a time."""

    def __init__(self, vm: Vm) -> None:
        self._vm = vm
        self._position = 0

    def scan(self) -> None:
        """Fails if what is new is not what healthy kernels print."""
        path = self._vm.directory / "console.log"
        with path.open("rb") as file:
            file.seek(self._position)
            new = file.read()
        # The rest of the last line is still to come.
        whole = new[: new.rfind(b"\n") + 1]
        self._position += len(whole)
        findings = scan(whole.decode("utf-8", "backslashreplace").splitlines())
        if findings:
            raise Failure("; ".join(map(str, findings)))


@dataclass
class Pace:
    """What a jump takes with all that is done around it."""

    jumps: int = 0
    seconds: float = 0

    @property
    def mean(self) -> float:
        """In seconds."""
        return self.seconds / self.jumps if self.jumps else 0


def tell(figures: Figures, last: int) -> None:
    """The progress."""
    say(
        f"jump {figures.jump}/{last}: {figures.kernel} {figures.arguments}: "
        f"{figures.seconds:.1f} s, {figures.functions} functions, "
        f"KHO {figures.kho}/{figures.kho_full} pages, "
        f"free {figures.free}/{figures.free_full} pages"
    )


def run(log: Log, last: int, kernels: list[str], pace: Pace) -> None:
    """Jumps until the last one is done or one fails. Each run has its own machine."""
    number = log.machine()
    directory = log.path.parent / f"machine-{number}"
    directory.mkdir(parents=True, exist_ok=True)
    arguments = accel.choose(lambda found: probe.works(found, CONFIG))
    with Vm(plan.machine(*kernels), CONFIG, directory, arguments) as vm:
        try:
            soak = Soak(vm, len(log.jumps), number)
            soak.begin()
            console = Console(vm)
            while len(log.jumps) < last:
                started = time.monotonic()
                figures = soak.jump()
                console.scan()
                log.jump(figures)
                pace.jumps += 1
                pace.seconds += time.monotonic() - started
                tell(figures, last)
            vm.finish()
            console.scan()
        except (Failure, OSError) as err:
            log.failed(f"after jump {len(log.jumps)}: {type(err).__name__}: {err}")
            say(f"FAILED {log.failures[-1]}")
            for line in vm.remains():
                say(f"  {line}")


def soak(last: int) -> int:
    """The command."""
    build_agent()
    kernels = other_kernels()
    log = Log(paths.cache() / "soak" / "jumps.jsonl", subject([CONFIG, *kernels]))
    if log.jumps:
        say(f"{len(log.jumps)} jumps are done: it goes on, on a fresh machine")
    pace = Pace()
    if len(log.jumps) < last:
        run(log, last, kernels, pace)

    found = [*log.failures, *drift.problems(log.jumps)]
    if log.jumps:
        mean = pace.mean or sum(jump.seconds for jump in log.jumps) / len(log.jumps)
        for line in drift.summary(log.jumps, mean):
            say(line)
    for problem in found:
        say(f"problem: {problem}")
    if not found:
        functions = sum(jump.functions for jump in log.jumps)
        leave("soak", "all", {"jumps": len(log.jumps), "functions handed over": functions})
    say(f"{'FAILED' if found else 'passed'}; the log is {log.path}")
    return 1 if found else 0


def main() -> int:
    """Parses the command line."""
    if len(sys.argv) != 2 or not sys.argv[1].isdigit():
        print(__doc__, file=sys.stderr)
        return 2
    return supervised(lambda: soak(int(sys.argv[1])))


if __name__ == "__main__":
    sys.exit(main())
