# SPDX-License-Identifier: GPL-2.0
"""What commands leave in the cache when they are done: counts, the date and the base."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from . import paths
from .errors import SetupError


@dataclass(frozen=True)
class Left:
    """What came of a part of a command. The first count is how often something was tried."""

    command: str
    part: str
    counts: dict[str, int]
    base: str
    """The version of the kernel."""
    day: str


def _folder() -> Path:
    return paths.cache() / "tried"


def base() -> str:
    """The version of the kernel source."""
    source = os.environ.get("KDIR") or paths.cache() / "src" / "linux-source-7.3"
    makefile = paths.existing(Path(source) / "Makefile", "make setup").read_text(encoding="utf-8")
    found = re.search(r"^VERSION = (\d+)\nPATCHLEVEL = (\d+)\nSUBLEVEL = (\d+)$", makefile, re.M)
    if not found:
        raise SetupError(f"{source} does not tell its version")
    return ".".join(found.groups())


def leave(command: str, part: str, counts: Mapping[str, int]) -> None:
    """Replaces what the last run left."""
    left = Left(command, part, dict(counts), base(), date.today().isoformat())
    path = _folder() / command / f"{part.replace('/', '-')}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(left)) + "\n", encoding="utf-8")


def left() -> list[Left]:
    """All that is there."""
    found = sorted(_folder().glob("*/*.json"))
    return [Left(**json.loads(path.read_text(encoding="utf-8"))) for path in found]
