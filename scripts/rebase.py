#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Try the series on another tree, and tell which patches apply and what is new there.

A patch that does not apply is left out, and the next one is tried without it. Nothing is written
to the tree. New are writers of what a live device depends on that the base of the series does not
have: each of them needs a review.

usage: rebase.py [--page FILE] BASE NAME TREE

With --page, the result becomes the section NAME of that page.
"""

import argparse
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import integrate
from writers import KINDS, writers

FILE = re.compile(r"^checking file '?([^']*?)'?$")
# A fuzzy hunk may have found a wrong place.
HUNK = re.compile(r"^Hunk #\d+ (FAILED|succeeded at .*with fuzz)")

UNDERLINE = "="
HEAD = f"""\
.. SPDX-License-Identifier: GPL-2.0
.. Written by `make rebase UPDATE=1`.

==================================
The series on other kernel sources
==================================

``make rebase BASE=tree`` tries each patch on another tree. *Clean* is a patch that
applies, at other lines if need be. One that applies *with fuzz* has to be read
again, since the lines around it differ. A *conflict* is left out, and those after
it are tried without it, so that some conflicts follow from others. Nothing is
built.

Writers are code that can change what a live device depends on, and that the base
of the series does not have: functions of the PCI core and of code for any device,
otherwise files. They are what to review first.
"""


@dataclass
class Attempt:
    """What became of a patch: the hunks that are fuzzy or failed, by file."""

    patch: str
    fuzzy: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    why: str = ""
    """Why nothing of it was tried."""

    @property
    def verdict(self) -> str:
        if self.failed or self.why:
            return "conflict"
        return "fuzz" if self.fuzzy else "clean"

    def remark(self, left_out: dict[str, str]) -> str:
        """Name the files; `left_out` has those that a patch before this one did not change."""
        parts = [self.why] if self.why else []
        for path, hunks in (self.failed or self.fuzzy).items():
            after = f", after {left_out[path]}" if self.failed and path in left_out else ""
            parts.append(f"{path} ({hunks}{after})")
        return ", ".join(parts)


def run_patch(patch: Path, root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["patch", "-p1", "--fuzz=2", "--forward", "--batch", "-d", str(root)]
    command += ["-i", str(patch), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def count(output: str, attempt: Attempt) -> None:
    """Count the hunks that patch(1) tells about."""
    path = ""
    for line in output.splitlines():
        if found := FILE.match(line):
            path = found.group(1)
        elif found := HUNK.match(line):
            hunks = attempt.failed if found.group(1) == "FAILED" else attempt.fuzzy
            hunks[path] = hunks.get(path, 0) + 1


def attempt(patch: integrate.Patch, root: Path) -> Attempt:
    """Try a patch, and apply it if all of it can be."""
    tried = Attempt(name_of(patch))
    reasons = [f"no {path}" for path in sorted(patch.touched()) if not (root / path).is_file()]
    reasons += [f"{path} exists" for path in sorted(patch.new) if (root / path).exists()]
    if reasons:
        tried.why = ", ".join(reasons)
        return tried
    done = run_patch(patch.path, root, "--dry-run")
    count(done.stdout, tried)
    if "previously applied" in done.stdout:
        tried.why = "is there already, at least a part of it"
    elif done.returncode and not tried.failed:
        tried.why = done.stdout.strip().splitlines()[-1]
    if tried.verdict != "conflict":
        applied = run_patch(patch.path, root, "--quiet", "--no-backup-if-mismatch")
        if applied.returncode:
            raise RuntimeError(f"{patch.path.name}: {applied.stdout}")
        for path, contents in patch.new.items():
            integrate.replace(root / path, contents)
    return tried


def copy_of(tree: Path, root: Path, patches: list[integrate.Patch]) -> None:
    """Copy what the series touches, and what its new files would replace."""
    for path in {path for patch in patches for path in patch.touched() | patch.new.keys()}:
        if (tree / path).is_file():
            integrate.replace(root / path, (tree / path).read_bytes())


def attempts(tree: Path) -> list[Attempt]:
    patches = integrate.series()
    with tempfile.TemporaryDirectory() as name:
        copy_of(tree, Path(name), patches)
        return [attempt(patch, Path(name)) for patch in patches]


def new_writers(base: Path, tree: Path) -> dict[str, list[str]]:
    """Return the writers that only the tree has, by what they write."""
    pairs = zip(KINDS, writers(base, *KINDS), writers(tree, *KINDS))
    return {kind.name: sorted(there - known) for kind, known, there in pairs}


def name_of(patch: integrate.Patch) -> str:
    return patch.path.name.removesuffix(".patch")


def table(tried: list[Attempt]) -> Iterator[tuple[str, str, str]]:
    """Yield a line for each patch: name, verdict, remark."""
    left_out: dict[str, str] = {}
    touched = {name_of(patch): patch.touched() for patch in integrate.series()}
    for one in tried:
        yield one.patch, one.verdict, one.remark(left_out)
        if one.verdict == "conflict":
            number = one.patch.split("-")[0]
            left_out |= {path: number for path in touched[one.patch] if path not in left_out}


def summary(tried: list[Attempt]) -> str:
    verdicts = [one.verdict for one in tried]
    counts = [f"{verdicts.count(name)} {name}" for name in ("clean", "fuzz", "conflict")]
    return f"{len(tried)} patches: {', '.join(counts)}"


def text(tried: list[Attempt], found: dict[str, list[str]]) -> str:
    """Return the result for a terminal."""
    lines = [f"{verdict:8}  {name}  {remark}".rstrip() for name, verdict, remark in table(tried)]
    lines += ["", summary(tried), ""]
    for name, there in found.items():
        lines += [f"new writers, {name}: {len(there)}", *(f"  {writer}" for writer in there)]
    return "\n".join(lines)


def section(name: str, tried: list[Attempt], found: dict[str, list[str]]) -> str:
    """Return the result as a section of the page. Clean patches are only counted."""
    lines = [name, UNDERLINE * len(name), "", f"{summary(tried)}.", ""]
    rest = [line for line in table(tried) if line[1] != "clean"]
    if rest:
        lines += [".. list-table::", "   :header-rows: 1", ""]
        for cells in [("Patch", "Result", "Files (hunks)"), *rest]:
            lines += [f"   {'*' if not n else ' '} - {cell}" for n, cell in enumerate(cells)]
        lines += [""]
    for kind, there in found.items():
        lines += [f"New writers, {kind}: {len(there)}.", ""]
        lines += [*(f"- ``{writer}``" for writer in there), *([""] if there else [])]
    return "\n".join(lines)


def sections(page: str) -> dict[str, str]:
    """Return the sections of a page by title."""
    starts = list(re.finditer(rf"^(\S.*)\n{UNDERLINE}+\n(?!\S)", page, re.MULTILINE))
    ends = [start.start() for start in starts[1:]] + [len(page)]
    return {start.group(1): page[start.start() : end] for start, end in zip(starts, ends)}


def write_page(page: Path, name: str, new: str) -> None:
    there = sections(page.read_text().removeprefix(HEAD)) if page.exists() else {}
    there[name] = new
    page.write_text("\n".join([HEAD, *(there[title].strip() + "\n" for title in sorted(there))]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, help="write the result down there")
    parser.add_argument("base", type=Path, help="the tree that the series is for")
    parser.add_argument("name", help="what the other tree is called")
    parser.add_argument("tree", type=Path, help="the other tree")
    args = parser.parse_args()
    tried = attempts(args.tree)
    found = new_writers(args.base, args.tree)
    print(text(tried, found))
    if args.page:
        write_page(args.page, args.name, section(args.name, tried, found))


if __name__ == "__main__":
    main()
