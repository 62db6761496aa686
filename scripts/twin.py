# SPDX-License-Identifier: GPL-2.0
"""Put the core beside one in C, in a tree that has that: a kernel gets one of them.

PCI_LIVEUPDATE stays the feature, with a choice of who provides it. What is ours depends on
PCI_LIVEUPDATE_RUST instead, the objects of the core in C on PCI_LIVEUPDATE_C. Each core keeps its
header, and the one that drivers include selects between them. Hooks of the core in C stay: where
they are not declared with the core in Rust, the build fails and says so.
"""

import re
from pathlib import Path

Contents = dict[str, bytes]

TEMPLATES = Path(__file__).resolve().parent.parent / "patches" / "twin"
MENU = "drivers/pci/Kconfig"
MAKEFILE = "drivers/pci/Makefile"
CHOICE = "drivers/pci/liveupdate/Kconfig"
HEADER = "include/linux/pci_liveupdate.h"
OURS = "include/linux/pci_liveupdate_rust.h"
THEIRS = "include/linux/pci_liveupdate_c.h"

FEATURE = re.compile(rb"^config PCI_LIVEUPDATE$", re.MULTILINE)
OBJECTS = re.compile(rb"^obj-\$\(CONFIG_PCI_LIVEUPDATE\)", re.MULTILINE)
SYMBOL = re.compile(rb"\bCONFIG_PCI_LIVEUPDATE\b")
DEPENDS = re.compile(rb"^(\+?\s+depends on .*?)\bPCI_LIVEUPDATE\b", re.MULTILINE)


def has_core_in_c(menu: bytes) -> bool:
    """Tell from drivers/pci/Kconfig of the tree."""
    return bool(FEATURE.search(menu))


def renamed(contents: bytes) -> bytes:
    """Return a file or a patch of ours, for the core in Rust."""
    contents = SYMBOL.sub(b"CONFIG_PCI_LIVEUPDATE_RUST", contents)
    return DEPENDS.sub(rb"\1PCI_LIVEUPDATE_RUST", contents)


def new_files(new: Contents) -> Contents:
    """Return our new files at their places beside a core in C."""
    moved = {OURS if path == HEADER else path: renamed(text) for path, text in new.items()}
    if CHOICE in moved:
        moved[CHOICE] = (TEMPLATES / "Kconfig").read_bytes()
    return moved


def set_aside(originals: Contents) -> Contents:
    """Return the files of the tree that change, before patches: the core in C is one of two."""
    return originals | {
        MAKEFILE: OBJECTS.sub(b"obj-$(CONFIG_PCI_LIVEUPDATE_C)", originals[MAKEFILE]),
        THEIRS: originals[HEADER],
        HEADER: (TEMPLATES / "pci_liveupdate.h").read_bytes(),
    }
