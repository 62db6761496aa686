#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Compare the number of `unsafe` in each Rust file with its budget.

scripts/unsafe-budget.txt lists `count path` for the files that may contain it.
Comments and strings are not counted. The arguments are Rust files, relative to
the top of the project.
"""

import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
BUDGET = TOP / "scripts" / "unsafe-budget.txt"

# Comments, strings and character literals, which may contain the word or a quote.
# Lifetimes ('a without a closing quote) do not match the character literal.
NO_CODE = re.compile(
    r"""
      //[^\n]*
    | (?P<block>/\*)
    | \b[bc]?r(?P<hashes>\#*)".*?"(?P=hashes)
    | "(?:\\.|[^"\\])*"
    | '(?:\\[^\n]+?|[^\\'\n])'
    """,
    re.VERBOSE | re.DOTALL,
)


def block_end(text: str, start: int) -> int:
    """Return the end of a block comment. They can be nested."""
    depth = 0
    for mark in re.compile(r"/\*|\*/").finditer(text, start):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)


def code(text: str) -> str:
    """Return the text without comments, strings and character literals."""
    kept, at = [], 0
    while found := NO_CODE.search(text, at):
        kept.append(text[at : found.start()])
        at = block_end(text, found.start()) if found["block"] else found.end()
    return " ".join([*kept, text[at:]])


def count(path: str) -> int:
    return len(re.findall(r"\bunsafe\b", code((TOP / path).read_text())))


def budgets() -> dict[str, int]:
    lines = [line.split() for line in BUDGET.read_text().splitlines()]
    return {line[1]: int(line[0]) for line in lines if line and not line[0].startswith("#")}


def main(paths: list[str]) -> int:
    allowed = budgets()
    found = {path: count(path) for path in paths}
    over = 0
    for path in sorted(found | allowed):
        has, may = found.get(path, 0), allowed.get(path, 0)
        if has > may:
            over += 1
            print(f"{path}: {has} unsafe, {may} allowed")
        elif has < may:
            print(f"{path}: {has} unsafe, {may} allowed: lower {BUDGET.relative_to(TOP)}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
