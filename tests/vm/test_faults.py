# SPDX-License-Identifier: GPL-2.0
"""Tests of faults.py: on an operation that is made up, with so many allocations."""

import unittest
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from errno import EBUSY, ENOMEM
from typing import cast

from . import faults
from .errors import CheckFailed, Failure, GuestError
from .guest import Guest
from .vm import Vm


class Kernel:
    """Has an operation that can do without some of its allocations."""

    def __init__(
        self, allocations: int, optional: Collection[int] = (), code: int = ENOMEM
    ) -> None:
        self._allocations = allocations
        self._optional = optional
        self._code = code
        self._nth = 0
        self._rest = False
        self.remarks: list[str] = []
        self.tries: list[tuple[str, str, Mapping[str, int]]] = []

    @contextmanager
    def fault(self, nth: int, rest: bool = False) -> Iterator[None]:
        """As that of a guest."""
        self._nth, self._rest = nth, rest
        yield

    @property
    def fault_left(self) -> int:
        """As that of a guest."""
        return max(self._nth - self._allocations, 0)

    def remark(self, text: str) -> None:
        """As that of a machine."""
        self.remarks.append(text)

    def tried(self, command: str, part: str, counts: Mapping[str, int]) -> None:
        """As that of a machine."""
        self.tries.append((command, part, counts))

    def operation(self) -> str:
        """Fails if an allocation does that it needs."""
        last = self._allocations if self._rest else min(self._nth, self._allocations)
        if any(nth not in self._optional for nth in range(self._nth, last + 1)):
            raise GuestError(self._code, "", "")
        return "done"

    def trials(self) -> list[faults.Trial]:
        """All trials, each of which was run."""
        found = []
        for trial in faults.each(cast(Vm, self), "it"):
            trial.run(cast(Guest, self), self.operation)
            found.append(trial)
        return found


class Trials(unittest.TestCase):
    """Each allocation fails once."""

    def test_until_none_fails(self) -> None:
        kernel = Kernel(4, optional=[2])
        one = [ENOMEM, 0, ENOMEM, ENOMEM, 0]
        rest = [ENOMEM, ENOMEM, ENOMEM, ENOMEM, 0]
        self.assertEqual([trial.code for trial in kernel.trials()], one + rest)
        told = (
            "it: 4 allocations failed, 3 by name, 1 it does without; "
            "with all after it: 4 allocations failed, 4 by name"
        )
        self.assertEqual(kernel.remarks, [told])
        counts = {"allocations failed": 8, "by name": 7, "made otherwise": 1}
        self.assertEqual(kernel.tries, [("failnth", "it", counts)])

    def test_no_allocation(self) -> None:
        self.assertEqual([trial.failed for trial in Kernel(0).trials()], [False] * 2)

    def test_other_error(self) -> None:
        with self.assertRaisesRegex(CheckFailed, "unexpected EBUSY"):
            Kernel(1, code=EBUSY).trials()

    def test_error_without_failure(self) -> None:
        with self.assertRaisesRegex(CheckFailed, "none failed, and yet ENOMEM"):
            faults.Trial("it", 1, False, [ENOMEM]).note(False, ENOMEM)

    def test_not_tried(self) -> None:
        with self.assertRaisesRegex(CheckFailed, "was not tried"):
            list(faults.each(cast(Vm, Kernel(1)), "it"))

    def test_endless(self) -> None:
        with self.assertRaisesRegex(CheckFailed, "more than"):
            Kernel(5000).trials()

    def test_used_up(self) -> None:
        left = iter([1])
        self.assertEqual(faults.another(left), 1)
        with self.assertRaises(Failure):
            faults.another(left)
