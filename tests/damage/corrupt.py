#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Change each byte of a handover that means something, between two kernels.

usage: corrupt.py [CASE...]
"""

import os
import sys
from functools import partial
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# pylint: disable=wrong-import-position
from damage.attempt import CASES, FULL, MACHINE, SEED, Attempts, Case, Tally  # noqa: E402
from vm import accel, probe, report, runner  # noqa: E402
from vm.cli import supervised  # noqa: E402
from vm.errors import SetupError  # noqa: E402
from vm.image import build_agent  # noqa: E402
from vm.left import leave  # noqa: E402
from vm.runner import Result  # noqa: E402
from vm.scenario import Scenario  # noqa: E402
from vm.vm import Vm  # noqa: E402

CONFIG = "base"


def main(names: list[str]) -> int:
    """Runs the cases, and tells what came of all attempts."""
    tallies: dict[str, Tally] = {}

    def story(name: str, case: Case, vm: Vm) -> None:
        attempts = Attempts(vm, case, FULL)
        tallies[name] = attempts.tally
        attempts.run()

    if not set(names) <= set(CASES):
        raise SetupError(f"there is {', '.join(CASES)}")
    scenarios = [
        Scenario(f"corrupt.{name}", "Each byte", MACHINE, partial(story, name, case))
        for name, case in CASES.items()
        if not names or name in names
    ]
    build_agent()
    arguments = accel.choose(lambda found: probe.works(found, CONFIG))
    ktap = report.Ktap(len(scenarios))

    def told(result: Result) -> None:
        tally = tallies.get(result.name.partition(".")[2], Tally())
        ktap.comment(f"{result.name}: {tally}; the sample behind the entries has seed {SEED}")
        for change in tally.adopted:
            ktap.comment(f"{result.name}: adopts another function: {change}")
        ktap.result(result)
        if result.passed:
            leave("corrupt", result.name, {**tally.counts, "in real boots": FULL.boots})

    jobs = len(os.sched_getaffinity(0))
    return report.verdict(runner.run_all(scenarios, CONFIG, arguments, jobs, told))


if __name__ == "__main__":
    sys.exit(supervised(lambda: main(sys.argv[1:])))
