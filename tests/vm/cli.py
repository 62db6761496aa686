# SPDX-License-Identifier: GPL-2.0
"""The commands of run.py."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType

from . import accel, kunit, probe, qemu, report, runner, scenario, selftest
from .errors import SetupError
from .image import build_agent


def _accel(config: str) -> tuple[str, ...]:
    return accel.choose(lambda arguments: probe.works(arguments, config))


def _list(_: argparse.Namespace) -> int:
    shown: dict[str, str] = {}
    for item in scenario.load_all():
        shown.setdefault(item.name.split(".")[0], item.sentence)
    width = max(map(len, shown))
    for name, sentence in shown.items():
        print(f"{name:{width}}  {sentence}")
    return 0


def _tell(options: argparse.Namespace) -> int:
    build_agent()
    accelerator = _accel(options.config)
    results = []
    for item in scenario.select(options.names, options.config):
        print(f"{item.name}: {item.sentence}\n", flush=True)
        result = runner.run_one(item, options.config, accelerator, _say)
        results.append(result)
        for remark in result.remarks:
            print(f"\n{remark}", flush=True)
        for problem in result.problems:
            print(f"\n{problem}", flush=True)
        verdict = "passed" if result.passed else "FAILED"
        print(f"\n{item.name}: {verdict}. The logs are in {result.directory}", flush=True)
    return report.verdict(results)


def _say(line: str) -> None:
    print(line, flush=True)


def _left_out(config: str) -> str:
    others = {item.name.split(".")[0] for item in scenario.load_all() if not item.runs_on(config)}
    return f"not for this kernel: {', '.join(sorted(others)) or 'none'}"


def _run(options: argparse.Namespace) -> int:
    chosen = scenario.select(options.names, options.config, options.without)
    build_agent()
    accelerator = _accel(options.config)
    ktap = report.Ktap(len(chosen))
    if not options.names:
        ktap.comment(_left_out(options.config))
    if options.without:
        ktap.comment(f"left out: {', '.join(options.without)}")
    results = runner.run_all(chosen, options.config, accelerator, options.jobs, ktap.result)
    report.save(f"vm-{options.config}", results)
    return report.verdict(results)


def _kunit(options: argparse.Namespace) -> int:
    build_agent()
    results = kunit.run(options.config, _accel(options.config), options.filter, options.leaks)
    ktap = report.Ktap(len(results))
    for result in results:
        ktap.result(result)
    report.save(f"kunit-{options.config}", results)
    return report.verdict(results)


def _selftest(options: argparse.Namespace) -> int:
    build_agent()
    accelerator = _accel(options.config)
    ktap = report.Ktap(selftest.ON_HOST + len(selftest.stories()))
    results = selftest.run(options.config, accelerator, options.jobs, ktap.result)
    report.save(f"vm-selftest-{options.config}", results)
    return report.verdict(results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run.py", description="Live updates in virtual machines")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="a sentence for each scenario").set_defaults(run=_list)

    for name, function, text in (
        ("run", _run, "run scenarios, all if none is named"),
        ("tell", _tell, "run scenarios one after the other, for a reader: what happens, and when"),
        ("kunit", _kunit, "run the KUnit suites of a kernel"),
        ("selftest", _selftest, "see that the bench notices what it has to notice"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--config", default="base", help="which kernel (base, debug)")
        command.set_defaults(run=function)
        if name in ("run", "selftest"):
            # A machine waits now and then.
            jobs = len(os.sched_getaffinity(0)) + 1
            command.add_argument("--jobs", type=int, default=jobs, help="machines side by side")
        if name == "run":
            text = "leave a scenario out"
            command.add_argument("--without", action="append", default=[], metavar="NAME", help=text)
        if name in ("run", "tell"):
            command.add_argument("names", nargs="*", metavar="NAME")
        if name == "kunit":
            command.add_argument("--filter", default="*", help="which suites, as a glob")
            text = "look for memory that they leak"
            command.add_argument("--leaks", action="store_true", help=text)
    return parser


def _interrupted(number: int, _: FrameType | None) -> None:
    # The threads that run scenarios end when their machines are gone.
    qemu.kill_all()
    sys.exit(128 + number)


def supervised(command: Callable[[], int]) -> int:
    """Runs a command and returns its exit code. Machines end with it, however it ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    try:
        return command()
    except SetupError as err:
        print(f"error: {err}", file=sys.stderr)
        return 2


def main(arguments: Sequence[str]) -> int:
    """Runs a command and returns its exit code."""
    options = _parser().parse_args(arguments)

    def command() -> int:
        status: int = options.run(options)
        return status

    return supervised(command)
