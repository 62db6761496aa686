# SPDX-License-Identifier: GPL-2.0
"""Runs scenarios, several in parallel, and judges them."""

import fcntl
import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import paths
from .errors import Failure, SetupError
from .left import leave
from .scenario import Scenario
from .vm import Vm

Narrator = Callable[[str], None]


@dataclass
class Result:
    """The result of a scenario."""

    name: str
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    """Empty if it passed."""
    remarks: list[str] = field(default_factory=list)
    """What the scenario tells besides."""
    remains: list[str] = field(default_factory=list)
    directory: Path | None = None

    @property
    def passed(self) -> bool:
        """Whether there is no problem."""
        return not self.problems


def _place(err: BaseException) -> str:
    """The line of the scenario in which it happened."""
    frames = traceback.extract_tb(err.__traceback__)
    told = [frame for frame in frames if paths.SCENARIOS in Path(frame.filename).parents]
    return f" ({Path(told[-1].filename).name}:{told[-1].lineno})" if told else ""


def _tell(scenario: Scenario, vm: Vm, result: Result) -> None:
    """Runs a scenario to its end; every exception becomes a problem."""
    try:
        scenario.story(vm)
        if not vm.booted:
            raise Failure("the story never booted its machine")
        vm.finish()
    except SetupError:
        raise
    except (Failure, OSError) as err:
        result.problems.append(f"{type(err).__name__}: {err}{_place(err)}")
    except Exception:  # pylint: disable=broad-except
        # A bug in the scenario fails this scenario only.
        result.problems.append(traceback.format_exc().strip())


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """An empty directory that no other run of this scenario removes meanwhile."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_name(f".{directory.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        yield


def run_one(
    scenario: Scenario, config: str, accel: Sequence[str], narrate: Narrator | None = None
) -> Result:
    """Runs a scenario in an empty directory and returns its result."""
    directory = paths.run_dir(config, scenario.name)
    result = Result(scenario.name, directory=directory)

    with _alone_in(directory), Vm(scenario.machine, config, directory, accel) as vm:
        started = time.monotonic()
        if narrate:
            vm.narrate = narrate
        _tell(scenario, vm, result)
        result.remarks = vm.remarks
        if vm.booted:
            found = vm.console.findings(scenario.expected)
            result.problems += [f"console: {item}" for item in found]
        result.remarks += [f"the host stalled: {stall}" for stall in vm.stalls()]
        if result.problems:
            result.remains = vm.remains()
        else:
            for tried in vm.tries:
                leave(*tried)
        result.seconds = time.monotonic() - started
    return result


def run_all(
    scenarios: Sequence[Scenario],
    config: str,
    accel: Sequence[str],
    jobs: int,
    report: Callable[[Result], None],
) -> list[Result]:
    """Runs all of them, `jobs` at a time; `report` gets each result when it is there."""
    results = []
    with ThreadPoolExecutor(max_workers=max(jobs, 1)) as pool:
        futures = [pool.submit(run_one, item, config, accel) for item in scenarios]
        try:
            for future in as_completed(futures):
                results.append(future.result())
                report(results[-1])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return results
