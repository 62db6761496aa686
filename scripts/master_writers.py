#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Find code that can write the Command register, and compare it with master_writers.txt.

The register contains Bus Master. A new base kernel may add writers, and each of them needs a
review. Callers of listed functions are not listed. writers.py tells what is found.

usage: master_writers.py TREE
"""

import sys
from pathlib import Path

from writers import MASTER, writers

LIST = Path(__file__).resolve().with_suffix(".txt")


def known() -> set[str]:
    """Return the reviewed writers."""
    lines = (line.partition("#")[0].strip() for line in LIST.read_text().splitlines())
    return {line for line in lines if line}


def main() -> int:
    [there] = writers(Path(sys.argv[1]), MASTER)
    listed = known()
    for writer in sorted(there - listed):
        print(f"{writer}: can write Bus Master, not in {LIST.name}")
    for writer in sorted(listed - there):
        print(f"{writer}: in {LIST.name}, but does not write Bus Master any more")
    return 1 if there != listed else 0


if __name__ == "__main__":
    sys.exit(main())
