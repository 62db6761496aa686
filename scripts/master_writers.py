#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Find code that can write the Command register, and compare it with master_writers.txt.

The register contains Bus Master. A new base kernel may add writers, and each of them needs a
review. Functions of the PCI core and of code that handles any device are listed one by one,
drivers for devices of their own by file. Callers of listed functions are not listed.

Found are writes by name (PCI_COMMAND) and by a literal offset of 4. Not found are writes at a
computed offset: pci_restore_state(), config in sysfs, procfs and the system call, and AML.

usage: master_writers.py TREE
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

LIST = Path(__file__).resolve().with_suffix(".txt")

# Code for any device, listed by function. Elsewhere, a file handles devices of its own.
CORE = ("arch/x86/", "arch/arm64/", "drivers/pci/", "drivers/vfio/", "drivers/xen/",
        "drivers/firmware/", "drivers/iommu/", "drivers/acpi/", "include/", "kernel/")  # fmt: skip
# Host controllers, whose registers have the layout of a device.
OWN = ("drivers/pci/controller/", "drivers/pci/endpoint/")
SEARCHED = ("arch/x86", "arch/arm64", "drivers", "include", "kernel", "lib", "sound")

WRITE = re.compile(
    r"(?:\b\w*(?:write_config|write_pci_config|clear_and_set_config|writel|writew)\w*|\bops->write)"
    r"\([^;]*\bPCI_COMMAND\b"
    r"|\b\w*write_(?:pci_)?config\w*\([^,;]+(?:,[^,;]+)?,\s*(?:0x0?)?4\s*,"
    r"|\bPCI_COMMAND_MASTER\b"
)
FUNCTION = re.compile(r"^[A-Za-z_][^;=]*?\b(\w+)\(", re.ASCII)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
# Defines the names of registers.
NO_WRITER = re.compile(r"pci_regs\.h$")


def blank(match: re.Match[str]) -> str:
    """Return as many newlines as the comment has."""
    return "\n" * match.group().count("\n")


def functions(text: str) -> Iterator[str]:
    """Yield the name of each function that writes, or an empty name outside of functions."""
    lines = COMMENT.sub(blank, text).splitlines()
    name = ""
    for number, line in enumerate(lines):
        if found := FUNCTION.match(line):
            name = found.group(1)
        # The arguments of a call may continue on the next line.
        if WRITE.search(line) or ("(" in line and WRITE.search(" ".join(lines[number : number + 2]))
                                  and not WRITE.search(" ".join(lines[number + 1 : number + 2]))):
            yield name


def writers(tree: Path) -> set[str]:
    """Return `file` or `file function` for each writer in the tree."""
    found = set()
    for part in SEARCHED:
        for path in (tree / part).rglob("*.[ch]"):
            text = path.read_text(errors="replace")
            name = path.relative_to(tree).as_posix()
            if not re.search("PCI_COMMAND|write_(pci_)?config", text) or NO_WRITER.search(name):
                continue
            names = set(functions(text))
            if name.startswith(CORE) and not name.startswith(OWN):
                found |= {f"{name} {function}".strip() for function in names}
            elif names:
                found.add(name)
    return found


def known() -> set[str]:
    """Return the same from the list."""
    lines = (line.partition("#")[0].strip() for line in LIST.read_text().splitlines())
    return {line for line in lines if line}


def main() -> int:
    tree = Path(sys.argv[1])
    there, listed = writers(tree), known()
    for writer in sorted(there - listed):
        print(f"{writer}: can write Bus Master, not in {LIST.name}")
    for writer in sorted(listed - there):
        print(f"{writer}: in {LIST.name}, but does not write Bus Master any more")
    return 1 if there != listed else 0


if __name__ == "__main__":
    sys.exit(main())
