# SPDX-License-Identifier: GPL-2.0
"""What is told from the figures of many jumps."""

import unittest
from collections.abc import Callable
from dataclasses import replace

from . import drift
from .kernel import Figures
from .plan import ROUND

ROUNDS = 6
FIGURES = Figures(
    jump=0, machine=1, kernel="base", arguments="", seconds=1.7, boot=0.9, retrieve_us=2000,
    functions=4, kho=4, kho_full=20, free=245_000, free_full=244_900,
)  # fmt: skip


def jumps(change: Callable[[int], dict[str, int]]) -> list[Figures]:
    """Several rounds, with what changes from jump to jump."""
    every = range(1, ROUNDS * len(ROUND) + 1)
    return [replace(FIGURES, jump=jump, **change(jump)) for jump in every]


def names(change: Callable[[int], dict[str, int]]) -> set[str]:
    """The figures about which there is a problem."""
    return {problem.split()[0] for problem in drift.problems(jumps(change))}


class Drift(unittest.TestCase):
    """What piles up, and what does not."""

    def test_nothing_changes(self) -> None:
        """Places of a round may differ from each other, and caches take some pages."""
        self.assertEqual(names(lambda jump: {"kho_full": 20 + jump % len(ROUND)}), set())
        self.assertEqual(names(lambda jump: {"free": 245_000 - jump * 7 % drift.NOISE}), set())
        self.assertEqual(names(lambda jump: {"free_full": 244_900 + 3 * jump}), set())

    def test_preserved_memory_grows(self) -> None:
        """By a single page, once."""
        self.assertEqual(names(lambda jump: {"kho": 4 + (jump > 30)}), {"kho"})
        self.assertEqual(names(lambda jump: {"kho_full": 20 + (jump > 30)}), {"kho_full"})

    def test_free_memory_shrinks(self) -> None:
        """By two pages a jump."""
        self.assertEqual(names(lambda jump: {"free": 245_000 - 2 * jump}), {"free"})
        self.assertEqual(names(lambda jump: {"free_full": 244_900 - 2 * jump}), {"free_full"})

    def test_another_machine_has_other_figures(self) -> None:
        """They are not compared with each other."""
        second = [replace(it, machine=2, kho=5) for it in jumps(lambda _: {})]
        self.assertEqual(drift.problems([*jumps(lambda _: {}), *second]), [])
