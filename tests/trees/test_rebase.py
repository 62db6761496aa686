# SPDX-License-Identifier: GPL-2.0
"""Which patches apply to another tree, and what is told of those that do not."""

import tempfile
import unittest
from pathlib import Path

import integrate
import rebase

LINES = "".join(f"line {n}\n" for n in range(1, 12))


def patch(path: str, old: str, new: str, before: str = "line 5", after: str = "line 7") -> str:
    """A patch of one line between two others."""
    return (f"--- a/{path}\n+++ b/{path}\n@@ -4,5 +4,5 @@\n line 4\n {before}\n-{old}\n+{new}\n"
            f" {after}\n line 8\n")  # fmt: skip


class Rebase(unittest.TestCase):
    """Patches on a tree of two files."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name) / "tree"
        self.root.mkdir()
        for name in ("one.c", "two.c"):
            (self.root / name).write_text(LINES)

    def attempt(self, text: str, new: integrate.Contents | None = None) -> rebase.Attempt:
        """Try a patch with this text and these new files."""
        path = self.root.parent / "0001-Change.patch"
        path.write_text(text)
        return rebase.attempt(integrate.Patch(path, new or {}), self.root)

    def test_clean(self) -> None:
        """It applies at other lines, too, and brings its new files."""
        (self.root / "one.c").write_text("a new first line\n" + LINES)
        tried = self.attempt(patch("one.c", "line 6", "changed"), {"new.c": b"new\n"})
        self.assertEqual((tried.verdict, tried.remark({})), ("clean", ""))
        self.assertIn("changed", (self.root / "one.c").read_text())
        self.assertEqual((self.root / "new.c").read_text(), "new\n")

    def test_fuzz(self) -> None:
        """A line around it differs."""
        (self.root / "one.c").write_text(LINES.replace("line 4", "other"))
        tried = self.attempt(patch("one.c", "line 6", "changed"))
        self.assertEqual((tried.verdict, tried.remark({})), ("fuzz", "one.c (1)"))
        self.assertIn("changed", (self.root / "one.c").read_text())

    def test_conflict(self) -> None:
        """All of a patch is left out if a hunk fails."""
        text = patch("two.c", "line 6", "changed") + patch("one.c", "not there", "changed")
        tried = self.attempt(text, {"new.c": b"new\n"})
        self.assertEqual((tried.verdict, tried.failed), ("conflict", {"one.c": 1}))
        self.assertEqual(tried.remark({"one.c": "0007"}), "one.c (1, after 0007)")
        self.assertEqual((self.root / "two.c").read_text(), LINES)
        self.assertFalse((self.root / "new.c").exists())

    def test_missing(self) -> None:
        """The tree has no such file."""
        tried = self.attempt(patch("three.c", "line 6", "changed"))
        self.assertEqual((tried.verdict, tried.why), ("conflict", "no three.c"))

    def test_exists(self) -> None:
        """The tree has a file that the patch brings."""
        tried = self.attempt(patch("one.c", "line 6", "changed"), {"two.c": b"new\n"})
        self.assertEqual((tried.verdict, tried.why), ("conflict", "two.c exists"))
        self.assertEqual((self.root / "one.c").read_text(), LINES)

    def test_already_there(self) -> None:
        """The tree has the change."""
        (self.root / "one.c").write_text(LINES.replace("line 6", "changed"))
        tried = self.attempt(patch("one.c", "line 6", "changed"))
        self.assertEqual((tried.verdict, tried.why[:16]), ("conflict", "is there already"))

    def test_page(self) -> None:
        """A section is replaced, and the others stay."""
        page = self.root / "page.rst"
        tried = [rebase.Attempt("0001-Change")]
        for name, found in (("B", "x.c f"), ("A", ""), ("B", "y.c g|z.c")):
            section = rebase.section(name, [], {"ACS": found.split("|")})
            rebase.write_page(page, name, section)
        there = rebase.sections(page.read_text().removeprefix(rebase.HEAD))
        self.assertEqual(list(there), ["A", "B"])
        self.assertIn("- ``y.c g``\n- ``z.c``\n", page.read_text())
        self.assertNotIn("x.c f", page.read_text())
        self.assertEqual(rebase.summary(tried), "1 patches: 1 clean, 0 fuzz, 0 conflict")


if __name__ == "__main__":
    unittest.main()
