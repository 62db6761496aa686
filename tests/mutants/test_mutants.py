# SPDX-License-Identifier: GPL-2.0
"""The mutants in what only a kernel runs."""

import unittest

from . import mutants


class Lines(unittest.TestCase):
    """The lines that they change."""

    def test_are_there(self) -> None:
        """Each of them, once, so that a mutant does not end a run that takes an hour."""
        for mutant in mutants.MUTANTS:
            with self.subTest(mutant.name):
                text = (mutants.TOP / mutant.file).read_text(encoding="utf-8")
                self.assertNotEqual(mutants.changed(text, mutant), text)
