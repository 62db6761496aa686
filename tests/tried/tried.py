#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Keep what was tried, and write the page about it.

usage: tried.py page
       tried.py leave COMMAND PART COUNT WHAT [COUNT WHAT]...
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# pylint: disable=wrong-import-position
from vm.left import Left, leave, left  # noqa: E402

from tried.page import COMMANDS, PAGE, page  # noqa: E402

KEPT = Path(__file__).resolve().parent / "results.json"


def kept() -> list[Left]:
    """What is in the repository."""
    if not KEPT.exists():
        return []
    return [Left(**item) for item in json.loads(KEPT.read_text(encoding="utf-8"))]


def write() -> None:
    """Replaces what is in the repository by what is newer, and writes the page."""
    parts = {(part.command, part.part): part for part in [*kept(), *left()]}
    found = [parts[key] for key in sorted(parts)]
    KEPT.write_text(json.dumps([asdict(part) for part in found], indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")
    for command in COMMANDS.keys() - {part.command for part in found}:
        print(f"nothing of {COMMANDS[command][0]} yet")
    print(f"ok {PAGE}")


def main(arguments: list[str]) -> int:
    """Parses the command line."""
    match arguments:
        case ["page"]:
            write()
        case ["leave", command, part, *counts] if command in COMMANDS and len(counts) % 2 == 0:
            numbers = map(int, counts[::2])
            leave(command, part, dict(zip(counts[1::2], numbers)))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
