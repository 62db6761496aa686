# SPDX-License-Identifier: GPL-2.0
"""Warnings are ours if they are about what the series adds."""

import json
import tempfile
import unittest
from pathlib import Path

import integrate
import our_warnings


class OurWarnings(unittest.TestCase):
    """A tree with a new file and a changed one."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = Path(folder.name)
        state = self.tree / integrate.STATE
        (state / "originals").mkdir(parents=True)
        (state / "originals" / "old.c").write_text("a\nb\nc\n")
        (self.tree / "old.c").write_text("a\nadded\nb\nchanged\n")
        (self.tree / "new.c").write_text("x\n")
        (state / "written.json").write_text(json.dumps({"old.c": ["1"], "new.c": ["2"]}))

    def ours(self, *lines: str) -> list[str]:
        """Those of a log with these lines."""
        return list(our_warnings.ours(self.tree, "\n".join(lines)))

    def test_new_file(self) -> None:
        """All of it is ours, for whatever tool, and is told once."""
        for line in (
            f"{self.tree}/new.c:1:2: warning: unused variable [-Wunused]",
            "new.c:1:2: warning: symbol 'x' was not declared. Should it be static?",
            "new.c:1:2: error: incompatible types",
            f"Warning: {self.tree}/new.c:1 function parameter 'x' not described in 'f'",
        ):
            self.assertEqual(self.ours(line, "  CC      new.o", line), [line])

    def test_changed_file(self) -> None:
        """Only lines that the series adds or changes are."""
        lines = [f"old.c:{number}:1: warning: w" for number in range(1, 5)]
        self.assertEqual(self.ours(*lines), [lines[1], lines[3]])

    def test_others(self) -> None:
        """Other files, and notes, are not."""
        self.assertEqual(self.ours("other.c:1:1: warning: w", "new.c:1:1: note: n"), [])


if __name__ == "__main__":
    unittest.main()
