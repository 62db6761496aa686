#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Compare the object code of two builds, function by function. Where it is does not matter.

usage: object_code.py BEFORE AFTER OBJECT...
"""

import argparse
import difflib
import re
import subprocess
import sys
from pathlib import Path

COMMAND = ["llvm-objdump", "--disassemble", "--reloc", "--no-show-raw-insn"]
START = re.compile(r"^[0-9a-f]+ <(.*)>:$")
ADDRESS = re.compile(r"^\s*[0-9a-f]+:\s*|\b0x[0-9a-f]+(?= <)")

Functions = dict[str, list[str]]


def functions(listing: str) -> Functions:
    """Return the instructions and relocations by function, without addresses."""
    found: Functions = {}
    name = ""
    for line in listing.splitlines():
        if start := START.match(line):
            name = start.group(1)
            # Static functions may share their name.
            while name in found:
                name += "'"
            found[name] = []
        elif name and line.strip() and not line.startswith("Disassembly"):
            found[name].append(ADDRESS.sub("", line).strip())
    return found


def code(path: Path) -> Functions:
    done = subprocess.run([*COMMAND, str(path)], capture_output=True, text=True, check=True)
    return functions(done.stdout)


def differences(before: Functions, after: Functions) -> list[str]:
    """Return a diff of the functions that differ."""
    lines: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, []), after.get(name, [])
        if old != new:
            lines += [f"{name}:", *difflib.unified_diff(old, new, lineterm="", n=1)]
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("objects", nargs="+")
    args = parser.parse_args()
    failed = False
    for name in args.objects:
        old, new = code(args.before / name), code(args.after / name)
        if not old:
            print(f"not ok {name}: no code in it")
            failed = True
        elif lines := differences(old, new):
            print(f"not ok {name}: differs with the feature off", *lines[:60], sep="\n# ")
            failed = True
        else:
            print(f"ok {name}: {len(old)} functions are the same")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
