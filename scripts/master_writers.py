#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Find who can write Bus Master in a kernel tree, and compare with what is documented.

The documentation lists every such function of the PCI core and its
surroundings, and every driver that does it to devices of its own. A new base
may bring new ones: each of them has to be looked at. Callers of those functions
are not listed.

usage: master_writers.py TREE
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
TABLE = TOP / "Documentation" / "PCI" / "liveupdate-writers.rst"

# Where a device can be anybody's: looked at function by function. Elsewhere a
# file is about devices of its own.
CORE = ("arch/x86/", "arch/arm64/", "drivers/pci/", "drivers/vfio/", "drivers/xen/",
        "drivers/firmware/", "drivers/iommu/", "drivers/acpi/", "include/", "kernel/")  # fmt: skip
# Host controllers, whose registers only look like those of a device.
OWN = ("drivers/pci/controller/", "drivers/pci/endpoint/")
LOOKED_AT = ("arch/x86", "arch/arm64", "drivers", "include", "kernel", "lib", "sound")

WRITE = re.compile(
    r"\b\w*(?:write_config|clear_and_set_config|writel|writew|writel_dbi)\w*\([^;]*\bPCI_COMMAND\b"
    r"|\bPCI_COMMAND_MASTER\b"
)
FUNCTION = re.compile(r"^[A-Za-z_][^;=]*?\b(\w+)\(", re.ASCII)
NO_CODE = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
# The names of registers.
NOT_A_WRITER = re.compile(r"pci_regs\.h$")

ENTRY = re.compile(r"^\s*[*-] ``(?P<file>[\w/.-]+\.[ch])``(?:: (?P<functions>.*))?$")
NAME = re.compile(r"``(\w+)\(\)``")


def blank(match: re.Match[str]) -> str:
    """As many lines as the comment had."""
    return "\n" * match.group().count("\n")


def functions(text: str) -> Iterator[str]:
    """The functions of a file that write; nameless is what writes outside of them."""
    lines = NO_CODE.sub(blank, text).splitlines()
    name = ""
    for number, line in enumerate(lines):
        if found := FUNCTION.match(line):
            name = found.group(1)
        # A call may go on in the next line.
        if WRITE.search(line) or ("(" in line and WRITE.search(" ".join(lines[number : number + 2]))
                                  and not WRITE.search(" ".join(lines[number + 1 : number + 2]))):
            yield name


def writers(tree: Path) -> set[str]:
    """`file` or `file function`, for all that there are."""
    found = set()
    for part in LOOKED_AT:
        for path in (tree / part).rglob("*.[ch]"):
            text = path.read_text(errors="replace")
            name = path.relative_to(tree).as_posix()
            if "PCI_COMMAND" not in text or NOT_A_WRITER.search(name):
                continue
            names = set(functions(text))
            if name.startswith(CORE) and not name.startswith(OWN):
                found |= {f"{name} {function}".strip() for function in names}
            elif names:
                found.add(name)
    return found


def documented() -> set[str]:
    """The same, as the documentation has it."""
    found = set()
    for line in TABLE.read_text().splitlines():
        if entry := ENTRY.match(line):
            names = NAME.findall(entry["functions"] or "")
            found |= {f"{entry['file']} {name}" for name in names} or {entry["file"]}
    return found


def main() -> int:
    tree = Path(sys.argv[1])
    there, known = writers(tree), documented()
    for writer in sorted(there - known):
        print(f"{writer}: can write Bus Master, not in {TABLE.relative_to(TOP)}")
    for writer in sorted(known - there):
        print(f"{writer}: in {TABLE.relative_to(TOP)}, but does not write Bus Master any more")
    return 1 if there != known else 0


if __name__ == "__main__":
    sys.exit(main())
