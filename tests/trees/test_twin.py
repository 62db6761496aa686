# SPDX-License-Identifier: GPL-2.0
"""What becomes of our files, and of a core in C, in a tree that has both."""

import unittest

import integrate
import twin

MENU = b'config PCI_LIVEUPDATE\n\tbool "PCI Live Update"\n'


class Twin(unittest.TestCase):
    """Names of options and of files."""

    def test_detected(self) -> None:
        """By the option, not by one whose name is longer, or by our own menu."""
        self.assertTrue(twin.has_core_in_c(b"endif\n\n" + MENU))
        self.assertFalse(twin.has_core_in_c(b"config PCI_LIVEUPDATE_DEBUG\n"))
        self.assertFalse(twin.has_core_in_c(b'source "drivers/pci/liveupdate/Kconfig"\n'))

    def test_renamed(self) -> None:
        """What is ours depends on the provider, in files and in patches."""
        for old, new in [
            (b"#ifdef CONFIG_PCI_LIVEUPDATE\n", b"#ifdef CONFIG_PCI_LIVEUPDATE_RUST\n"),
            (b"#[cfg(CONFIG_PCI_LIVEUPDATE)]", b"#[cfg(CONFIG_PCI_LIVEUPDATE_RUST)]"),
            (b"\tdepends on PCI_LIVEUPDATE\n", b"\tdepends on PCI_LIVEUPDATE_RUST\n"),
            (b"+\tdepends on X && PCI_LIVEUPDATE", b"+\tdepends on X && PCI_LIVEUPDATE_RUST"),
        ]:
            self.assertEqual(twin.renamed(old), new)
        for kept in (b"CONFIG_PCI_LIVEUPDATE_KUNIT_TEST", b"CONFIG_VFIO_PCI_LIVEUPDATE",
                     b"config PCI_LIVEUPDATE_BENCH\n"):  # fmt: skip
            self.assertEqual(twin.renamed(kept), kept)

    def test_ours(self) -> None:
        """Our header and our menu are elsewhere; all other files are where they were."""
        new = integrate.overlay()
        moved = twin.new_files(new)
        self.assertEqual(new.keys() ^ moved.keys(), {twin.HEADER, twin.OURS})
        self.assertIn(b"choice\n", moved[twin.CHOICE])
        self.assertNotIn(b"CONFIG_PCI_LIVEUPDATE\n", b"".join(moved.values()))

    def test_theirs(self) -> None:
        """Their header is where ours looks for it, and their objects depend on the choice."""
        makefile = b"obj-$(CONFIG_PCI_LIVEUPDATE) += liveupdate.o\n"
        makefile += b"obj-$(CONFIG_PCI_LIVEUPDATE_X) += x.o\n"
        there = twin.set_aside({twin.MAKEFILE: makefile, twin.HEADER: b"theirs"})
        self.assertEqual(there[twin.THEIRS], b"theirs")
        for path in (twin.OURS, twin.THEIRS):
            include = f"#include <{path.removeprefix('include/')}>"
            self.assertIn(include.encode(), there[twin.HEADER])
        self.assertEqual(
            there[twin.MAKEFILE], makefile.replace(b"LIVEUPDATE)", b"LIVEUPDATE_C)")
        )

    def test_interface(self) -> None:
        """With the core in C, hooks find each function that only ours declares."""
        ours = integrate.overlay()[twin.HEADER]
        template = (twin.TEMPLATES / "pci_liveupdate.h").read_bytes()
        stub = (integrate.TOP / "tests" / "twin" / "core-in-c.patch").read_bytes()
        for line in ours.splitlines():
            if line.startswith(b"static inline") and b"(" in line:
                name = line.split(b"(")[0].split()[-1]
                self.assertIn(name + b"(", template + stub)


if __name__ == "__main__":
    unittest.main()
