#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Print those warnings of a build that are about files or lines that the series adds.

usage: our_warnings.py [--ignore REGEX]... TREE LOG
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import integrate

# Of compilers and sparse, and of kernel-doc.
WARNING = re.compile(r"^(?:(?:Warning|Error): )?([^\s:]+):(\d+)(?::\d+)?:? (?:warning: |error: )?")
TOLD = re.compile(r"\b[Ww]arning:|\b[Ee]rror:")
ADDED = ("diff", "--old-line-format=", "--unchanged-line-format=", "--new-line-format=%dn\n")


def added(tree: Path, path: str) -> set[int] | None:
    """Return the lines of a file that the series adds, or None for all."""
    original = tree / integrate.STATE / "originals" / path
    if not original.is_file():
        return None
    command = [*ADDED, str(original), str(tree / path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return {int(number) for number in done.stdout.split()}


def ours(tree: Path, log: str) -> Iterator[str]:
    """Yield each warning once."""
    written = integrate.PlainTree(tree).written
    lines: dict[str, set[int] | None] = {}
    seen = set()
    for line in log.splitlines():
        found = WARNING.match(line)
        if not found or not TOLD.search(line) or line in seen:
            continue
        seen.add(line)
        path = found.group(1).removeprefix(f"{tree}/")
        if path not in written:
            continue
        if path not in lines:
            lines[path] = added(tree, path)
        of_path = lines[path]
        if of_path is None or int(found.group(2)) in of_path:
            yield line


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ignore", action="append", default=[], help="warnings that are none")
    parser.add_argument("tree", type=Path)
    parser.add_argument("log", type=Path)
    args = parser.parse_args()
    warnings = ours(args.tree, args.log.read_text(errors="replace"))
    found = [line for line in warnings if not any(re.search(one, line) for one in args.ignore)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
