# SPDX-License-Identifier: GPL-2.0
"""What becomes of the mutants of cargo-mutants, and of those that are listed."""

import unittest
from collections import Counter
from typing import Any

from vm.errors import SetupError

from . import host

KEY, PATH = "abi/key.rs", "src/logic/path.rs"
LISTED = f"""# A comment.
{KEY}: replace >> with << in Key::domain
\tA reason
\tof two lines.

{PATH}: replace a: b -> c with d
\tAnother.
"""


def outcome(summary: str, file: str, line: int, what: str) -> dict[str, Any]:
    """As cargo-mutants writes it."""
    name = f"tests/host/src/../../../{file}:{line}:7: {what}"
    return {"scenario": {"Mutant": {"name": name}}, "summary": summary}


def document(*more: dict[str, Any], baseline: str = "Success") -> dict[str, Any]:
    """A run in which the baseline came first."""
    return {"outcomes": [{"scenario": "Baseline", "summary": baseline}, *more]}


class Outcomes(unittest.TestCase):
    """The result for each file."""

    def judge(self, *more: dict[str, Any], listed: str = LISTED) -> dict[str, list[str]]:
        """The problems by result."""
        results = host.judge(
            host.outcomes(document(*more)), [KEY, PATH], Counter(host.equivalent(listed))
        )
        return {result.name: result.problems for result in results}

    def test_listed(self) -> None:
        """Those that survive are all listed, at whatever line they are."""
        found = self.judge(
            outcome("CaughtMutant", KEY, 1, "replace + with -"),
            outcome("Timeout", KEY, 1, "replace + with *"),
            outcome("Unviable", KEY, 1, "replace x with Default::default()"),
            outcome("MissedMutant", KEY, 9, "replace >> with << in Key::domain"),
            outcome("MissedMutant", PATH, 9, "replace a: b -> c with d"),
        )
        self.assertEqual(
            found,
            {
                f"{KEY}: 4 mutants, 2 caught, 1 survived, 1 not built": [],
                f"{PATH}: 1 mutants, 0 caught, 1 survived, 0 not built": [],
            },
        )

    def test_survives(self) -> None:
        """A mutant that is not listed, and one more of those that are."""
        same = outcome("MissedMutant", KEY, 9, "replace >> with << in Key::domain")
        other = outcome("MissedMutant", PATH, 9, "replace + with -")
        key, path = self.judge(same, same, other).values()
        self.assertEqual(key, ["survived: replace >> with << in Key::domain"])
        self.assertEqual(
            path, ["survived: replace + with -", "does not survive: replace a: b -> c with d"]
        )

    def test_tests_fail(self) -> None:
        """Nothing can be said if they fail without a mutant."""
        with self.assertRaisesRegex(SetupError, "fail without"):
            host.outcomes(document(baseline="Failure"))

    def test_no_reason(self) -> None:
        """A mutant is not listed without one."""
        for text in (f"{KEY}: x\n", f"{KEY}: x\n{PATH}: y\n\tReason.\n"):
            with self.assertRaisesRegex(SetupError, f"no reason for {KEY}: x"):
                list(host.equivalent(text))

    def test_files(self) -> None:
        """Files that exist, some or all of them."""
        top = host.HERE.parents[1]
        self.assertEqual(host.files(top, [KEY]), [KEY])
        self.assertLess({KEY, PATH}, set(host.files(top, ["host"])))
        with self.assertRaisesRegex(SetupError, "no file abi/none.rs"):
            host.files(top, [KEY, "abi/none.rs"])
        names = (KEY, PATH, "host", "abi", "finish-takes-two", "src/flb.rs")
        self.assertEqual([name for name in names if host.is_host(name)], [KEY, PATH, "host"])
