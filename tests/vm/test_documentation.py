# SPDX-License-Identifier: GPL-2.0
"""Each test that Documentation/PCI/liveupdate-tests.rst names exists."""

import re
import unittest
from pathlib import Path

from . import paths

TOP = paths.TESTS.parent
PAGE = TOP / "Documentation" / "PCI" / "liveupdate-tests.rst"

_KUNIT_CASE = re.compile(r"\tKUNIT_CASE\((\w+)\)")


def rows() -> list[list[str]]:
    """The cells of all tables, without their headings."""
    found: list[list[str]] = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cell = re.match(r"   ([* ]) - ?(.*)", line)
        if cell and cell[1] == "*":
            found.append([cell[2]])
        elif cell:
            found[-1].append(cell[2])
        elif found and line.startswith("       "):
            found[-1][-1] += f" {line.strip()}"
    return [row for row in found if row[0] not in ("Behaviour", "What it did")]


def names(cell: str) -> list[str]:
    """The tests in a cell, without remarks in brackets."""
    return [name for name in re.sub(r" \(.*?\)", "", cell).split(", ") if name]


def modules(folder: Path, suffix: str) -> set[str]:
    """The tests that are files, with hyphens as people type them."""
    return {path.stem.replace("_", "-") for path in folder.glob(f"*{suffix}")}


def suites() -> set[str]:
    """KUnit suites, and their cases as SUITE.CASE."""
    found = set()
    for path in (paths.TESTS / "kunit").glob("*.rs"):
        text = path.read_text(encoding="utf-8")
        for suite in re.findall(r"#\[kunit_tests\(pci_liveupdate_(\w+)\)\]", text):
            cases = re.findall(r"#\[test\]\n    fn (\w+)", text)
            found |= {suite, *(f"{suite}.{case}" for case in cases)}
    for path in (TOP / "kernel").rglob("*_kunit.c"):
        for case in _KUNIT_CASE.findall(path.read_text(encoding="utf-8")):
            suite, _, rest = case.partition("_test_")
            found |= {suite, f"{suite}.{rest}"}
    return found


HOST = modules(paths.TESTS / "host" / "tests", ".rs")
SCENARIOS = modules(paths.SCENARIOS, ".py")
KUNIT = suites()
OTHERS = {
    "compile-fail": {path.stem for path in (paths.TESTS / "compile-fail").glob("*.rs")},
    "selftest": {path.stem.removeprefix("test_") for path in (paths.TESTS / "vm").glob("test_*.py")},
}


def exists(name: str) -> bool:
    """Whether there is a test of that name."""
    kind, _, rest = name.partition(" ")
    return name in KUNIT | SCENARIOS or rest in OTHERS.get(kind, set())


class Tables(unittest.TestCase):
    """The names in both tables."""

    def test_behaviours(self) -> None:
        """A column for each tier."""
        tiers = [row for row in rows() if len(row) == 4]
        self.assertTrue(tiers)
        for behaviour, host, kunit, scenarios in tiers:
            with self.subTest(behaviour):
                host_names = {name.replace("_", "-") for name in names(host)}
                self.assertEqual(set(), host_names - HOST - {"pci-lu"})
                self.assertEqual(set(), set(names(kunit)) - KUNIT)
                self.assertEqual(set(), set(names(scenarios)) - SCENARIOS)

    def test_defects(self) -> None:
        """Each has a test."""
        defects = [row for row in rows() if len(row) == 2]
        self.assertTrue(defects)
        for defect, tests in defects:
            with self.subTest(defect):
                self.assertTrue(names(tests))
                self.assertEqual([], [name for name in names(tests) if not exists(name)])


if __name__ == "__main__":
    unittest.main()
