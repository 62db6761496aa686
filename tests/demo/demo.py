#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Show a network card that receives while the kernel is replaced; then the same without preserving.

The card is driven by user space through vfio-pci; with DRIVER=rust in the environment, by the
sample driver in the kernel. JSON=1 prints one JSON document instead. The exit code is the result.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# pylint: disable=wrong-import-position
from demo import picture  # noqa: E402
from demo.driver import DRIVERS  # noqa: E402
from demo.run import record  # noqa: E402
from demo.show import Quiet, Show  # noqa: E402
from demo.verdict import Run  # noqa: E402
from vm import accel, paths, probe, qemu  # noqa: E402
from vm.errors import Failure, SetupError  # noqa: E402
from vm.image import build_agent  # noqa: E402

CONFIG = "base"
TITLES = {
    True: "The card is preserved",
    False: "The same again, and nobody preserves the card",
}


def both(directory: Path, show: Show | None) -> list[Run]:
    """The runs with and without preserving."""
    name = os.environ.get("DRIVER") or "vfio"
    if name not in DRIVERS:
        raise SetupError(f"no such DRIVER: {name} (there is {', '.join(DRIVERS)})")
    build_agent()
    machine = accel.choose(lambda arguments: probe.works(arguments, CONFIG))
    runs = []
    for preserve, title in TITLES.items():
        if show:
            show.title(title)
        part = "preserved" if preserve else "not-preserved"
        where = directory / part
        runs.append(record(DRIVERS[name], preserve, CONFIG, where, machine, show or Quiet()))
        if show:
            show.leave_stage()
            show.result(runs[-1])
    return runs


def demo(directory: Path) -> int:
    """Does both runs, writes the picture, and returns the result."""
    if os.environ.get("JSON", "") not in ("", "0"):
        runs = both(directory, None)
        pictures = picture.draw(runs, directory)
        document = {
            "passed": not any(run.problems for run in runs),
            "runs": [run.summary() for run in runs],
            "pictures": [str(path) for path in pictures],
        }
        print(json.dumps(document, indent=2))
    else:
        with Show() as show:
            runs = both(directory, show)
            picture.draw(runs, directory)
            show.end(not any(run.problems for run in runs), str(directory))
    return 1 if any(run.problems for run in runs) else 0


def _interrupted(number: int, _: FrameType | None) -> None:
    qemu.kill_all()
    sys.exit(128 + number)


def main() -> int:
    """Runs the demo in an empty directory."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    directory = paths.cache() / "demo"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    try:
        return demo(directory)
    except (Failure, OSError) as err:
        print(f"error: demo: {err} (the logs are in {directory})", file=sys.stderr)
        return 1
    except SetupError as err:
        print(f"error: demo: {err}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
