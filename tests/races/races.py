#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Let everything race on four CPUs of a kernel with KCSAN, and see what comes of it.

usage: races.py MINUTES [SEED]

The seed decides who does what, when, and in which order; not which CPU is faster.
"""

import secrets
import sys
from contextlib import suppress
from functools import partial
from itertools import takewhile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# pylint: disable=wrong-import-position
from races import kcsan  # noqa: E402
from races.machine import CONFIG, MACHINE  # noqa: E402
from races.source import Source  # noqa: E402
from races.storm import Storm  # noqa: E402
from vm import accel, paths, probe  # noqa: E402
from vm.cli import supervised  # noqa: E402
from vm.console import Console  # noqa: E402
from vm.errors import Failure  # noqa: E402
from vm.image import build_agent  # noqa: E402
from vm.left import leave  # noqa: E402
from vm.splat import scan  # noqa: E402
from vm.vm import Vm  # noqa: E402


# What show_tasks() makes the kernel print first.
_TASKS = "sysrq: Show State"


def say(line: str) -> None:
    """A line of progress, or of the result."""
    print(line, flush=True)


def tell_races(console: Console) -> list[str]:
    """What the console says: the problems, after what is none of ours."""
    source = Source(CONFIG)
    reports, rest = kcsan.split(takewhile(lambda line: _TASKS not in line, console.lines()))
    verdict = kcsan.judge(reports, source)
    say(f"KCSAN: {len(reports)} reports, {len(verdict.ours)} of our code")
    for title, count in verdict.known.most_common():
        say(f"  known, {count} times: {title}")
    for title, count in verdict.others.most_common():
        say(f"  elsewhere, {count} times: {title}")
    for report in verdict.ours:
        for line in report.lines(source):
            say(f"  ours: {line}")
    found = [f"data race: {report.title}" for report in verdict.ours]
    return found + [f"console: {finding}" for finding in scan(rest)]


def show_tasks(vm: Vm) -> None:
    """Has a kernel that still answers print what each task does, and which locks it has."""
    with suppress(Failure, OSError):
        vm.guest.write("/proc/sysrq-trigger", "t")
        vm.guest.write("/proc/sysrq-trigger", "d")


def run(vm: Vm, storm: Storm) -> list[str]:
    """Runs it, and tells its results. Returns the problems."""
    found = []
    try:
        storm.run()
        vm.finish()
    except (Failure, OSError) as err:
        found.append(f"{type(err).__name__}: {err}")
        for line in vm.remains():
            say(f"  {line}")
        show_tasks(vm)
    for line in storm.tally.lines():
        say(line)
    for line in storm.after.lines():
        say(f"next kernel: {line}")
    say(f"{storm.rounds} rounds")
    say(f"KCSAN watched {storm.watchpoints} accesses")
    if vm.booted:
        found += tell_races(vm.console)
    return [*found, *storm.problems()]


def races(minutes: float, seed: str) -> int:
    """The command."""
    say(f"seed {seed}, {minutes:g} minutes")
    build_agent()
    directory = paths.run_dir(CONFIG, "races")
    directory.mkdir(parents=True, exist_ok=True)
    arguments = accel.choose(partial(probe.works, config=CONFIG))
    with Vm(MACHINE, CONFIG, directory, arguments) as vm:
        vm.narrate = say
        storm = Storm(vm, seed, 60 * minutes)
        found = run(vm, storm)
    for problem in found:
        say(f"problem: {problem}")
    if not found:
        steps = sum(counts.total() for _, _, counts in storm.tally)
        leave("races", f"seed {seed}", {"steps": steps, "minutes": round(minutes)})
    say(f"{'FAILED' if found else 'passed'} with seed {seed}; the logs are in {directory}")
    return 1 if found else 0


def main() -> int:
    """Parses the command line."""
    try:
        minutes = float(sys.argv[1])
        seed = sys.argv[2] if len(sys.argv) > 2 else secrets.token_hex(4)
    except (IndexError, ValueError):
        print(__doc__, file=sys.stderr)
        return 2
    return supervised(lambda: races(minutes, seed))


if __name__ == "__main__":
    sys.exit(main())
