# SPDX-License-Identifier: GPL-2.0
"""Functions that differ are found, wherever they are."""

import unittest

import object_code

BEFORE = """
pci.o:\tfile format elf64-x86-64

Disassembly of section .text:

0000000000000010 <first>:
      10:      \tpushq\t%rbx
      11:      \tcallq\t0x16 <first+0x6>
\t\t0000000000000012:  R_X86_64_PLT32\tother-0x4
      16:      \tjmp\t0x10 <first>

0000000000000020 <second>:
      20:      \tretq
"""


class ObjectCode(unittest.TestCase):
    """Listings of llvm-objdump."""

    def differences(self, after: str) -> list[str]:
        """The diff to the listing above."""
        return object_code.differences(
            object_code.functions(BEFORE), object_code.functions(after)
        )

    def test_moved(self) -> None:
        """The address of a function is no difference."""
        moved = BEFORE.replace("0x16", "0x56").replace("0x10", "0x50").replace(" 1", " 5")
        moved = moved.replace("00000010", "00000050").replace("00000012", "00000052")
        self.assertNotEqual(moved, BEFORE)
        self.assertEqual(self.differences(moved), [])

    def test_instruction(self) -> None:
        """One more instruction is."""
        lines = self.differences(BEFORE.replace("retq", "nop\n      21:      \tretq"))
        self.assertEqual((lines[0], lines[-2:]), ("second:", ["+nop", " retq"]))

    def test_relocation(self) -> None:
        """So is another function that is called, or another jump."""
        self.assertIn("first:", self.differences(BEFORE.replace("other-", "another-")))
        self.assertIn("first:", self.differences(BEFORE.replace("<first+0x6>", "<first+0x7>")))

    def test_function(self) -> None:
        """So is a function that is not there."""
        self.assertIn("second:", self.differences(BEFORE.split("0000000000000020")[0]))


if __name__ == "__main__":
    unittest.main()
