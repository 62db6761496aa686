# SPDX-License-Identifier: GPL-2.0
"""Tests of what reads and judges KCSAN's reports."""

import unittest

from races import kcsan
from races.known import Known
from races.source import Frame, Place, Source, changed_functions
from vm.splat import scan

_RACE = """\
[   10.000001] ==================================================================
[   10.000002] BUG: KCSAN: data-race in pci_liveupdate_facts / set_master
[   10.000003]
[   10.000004] write to 0xffff888001234567 of 4 bytes by task 71 on cpu 2:
[   10.000005]  set_master+0x12/0x40
[   10.000006]  ksys_write+0x1/0x2
[   10.000007] pci 0000:01:00.0: from another processor
[   10.000008]
[   10.000009] read to 0xffff888001234567 of 4 bytes by task 72 on cpu 0:
[   10.000010]  pci_liveupdate_facts+0x34/0x50
[   10.000011]  preserve+0x1/0x2
[   10.000012]
[   10.000013] value changed: 0x00000000 -> 0x00000004
[   10.000014]
[   10.000015] Reported by Kernel Concurrency Sanitizer on:
[   10.000016] CPU: 0 UID: 0 PID: 72 Comm: preserve0 Not tainted 7.3.4 #1
[   10.000017] ==================================================================
"""
_UNKNOWN = """\
[   11.000001] BUG: KCSAN: data-race in frozen+0x12/0x40
[   11.000002]
[   11.000003] race at unknown origin, with read to 0xffff888001234 of 1 bytes by task 7 on cpu 1:
[   11.000004]  frozen+0x12/0x40
[   11.000005]  caller+0x1/0x2
[   11.000006]
[   11.000007] Reported by Kernel Concurrency Sanitizer on:
"""


class _Tree(Source):
    """A kernel in which some functions are ours."""

    def __init__(self, *ours: str, unknown: bool = False) -> None:
        # Not that of the parent, which reads a kernel that was built.
        # pylint: disable=super-init-not-called
        self._ours = ours
        self._unknown = unknown

    def places(self, frame: Frame) -> list[Place]:
        return [] if self._unknown else [Place(frame.symbol, "a.c", 1)]

    def is_ours(self, frame: Frame) -> bool:
        return frame.symbol in self._ours

    def text(self, frame: Frame) -> str:
        return f"line of {frame.symbol}"


class Reports(unittest.TestCase):
    """What is read from a console."""

    def test_two_accesses(self) -> None:
        """Both stacks are read, and the lines of others are left."""
        [report], rest = kcsan.split(_RACE.splitlines())
        self.assertEqual(report.title, "data-race in pci_liveupdate_facts / set_master")
        self.assertEqual([it.how for it in report.accesses], ["write", "read"])
        symbols = [[frame.symbol for frame in it.stack] for it in report.accesses]
        writer, reader = ["set_master", "ksys_write"], ["pci_liveupdate_facts", "preserve"]
        self.assertEqual(symbols, [writer, reader])
        self.assertTrue(any("from another processor" in line for line in rest))
        self.assertEqual(scan(rest), [])

    def test_one_access(self) -> None:
        """The other side was not instrumented."""
        [report], rest = kcsan.split(_UNKNOWN.splitlines())
        [access] = report.accesses
        self.assertEqual(access.how, "read")
        self.assertEqual(access.stack[0], Frame("frozen", 0x12, 0x40))
        self.assertEqual(rest, [])

    def test_assertion(self) -> None:
        """Memory is freed while somebody reads it."""
        text = _RACE.replace("data-race in", "assert: race in")
        text = text.replace("] write", "] assert no accesses")
        [report], rest = kcsan.split(text.splitlines())
        self.assertEqual([it.how for it in report.accesses], ["assert no accesses", "read"])
        self.assertEqual(scan(rest), [])

    def test_splat_inside(self) -> None:
        """What another processor prints in the middle of a report is not lost."""
        lines = _RACE.splitlines()
        lines.insert(5, "[   10.000004] WARNING: drivers/pci/pci.c:1 at f+0x1/0x2, CPU#1: a/1")
        _, rest = kcsan.split(lines)
        self.assertEqual([it.cause for it in scan(rest)], ["warning"])

    def test_each_is_found(self) -> None:
        """One after the other."""
        reports, _ = kcsan.split((_RACE + _UNKNOWN + _RACE).splitlines())
        self.assertEqual(len(reports), 3)


class Judgement(unittest.TestCase):
    """Whose they are."""

    def _verdict(self, source: Source) -> kcsan.Verdict:
        return kcsan.judge(kcsan.split(_RACE.splitlines())[0], source)

    def test_either_side(self) -> None:
        """It is ours if one of the two is, or who called it."""
        for function in ("set_master", "pci_liveupdate_facts", "preserve"):
            self.assertEqual(len(self._verdict(_Tree(function)).ours), 1, function)

    def test_elsewhere(self) -> None:
        """What is none of ours is counted by name."""
        verdict = self._verdict(_Tree("other"))
        self.assertEqual(verdict.ours, [])
        self.assertEqual(
            dict(verdict.others), {"data-race in pci_liveupdate_facts / set_master": 1}
        )

    def test_known(self) -> None:
        """One that is known is not ours, but another line of that function is."""
        reports, _ = kcsan.split(_RACE.splitlines())
        title = r"data-race in pci_liveupdate_\w+ / set_master"
        for line, ours in (("line of set_master", 0), ("another line", 1)):
            known = [Known(title, line, "its reason")]
            verdict = kcsan.judge(reports, _Tree("set_master"), known)
            self.assertEqual((len(verdict.ours), len(verdict.known)), (ours, 1 - ours))

    def test_unknown(self) -> None:
        """A stack that cannot be read excuses nothing."""
        self.assertEqual(len(self._verdict(_Tree(unknown=True)).ours), 1)


class Functions(unittest.TestCase):
    """Which functions a patch changes."""

    BEFORE = ["int a(void)", "{", "\tone();", "}", "", "static int b(int x)", "{", "\ttwo();", "}"]

    def _changed(self, *after: str) -> set[str]:
        return changed_functions(self.BEFORE, list(after))

    def test_added_line(self) -> None:
        """The function that has it, and no other one."""
        self.assertEqual(self._changed(*self.BEFORE[:7], "\thook();", *self.BEFORE[7:]), {"b"})

    def test_deleted_line(self) -> None:
        """The function that had it."""
        self.assertEqual(self._changed(*self.BEFORE[:2], *self.BEFORE[3:]), {"a"})

    def test_new_function(self) -> None:
        """It counts as changed. Who owns the brace above it cannot be told."""
        new = ["void c(void)", "{", "\tthree();", "}", ""]
        changed = self._changed(*self.BEFORE[:5], *new, *self.BEFORE[5:])
        self.assertIn("c", changed)
        self.assertNotIn("b", changed)

    def test_nothing(self) -> None:
        """The same lines are none."""
        self.assertEqual(self._changed(*self.BEFORE), set())


if __name__ == "__main__":
    unittest.main()
