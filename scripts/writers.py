# SPDX-License-Identifier: GPL-2.0
"""Find code of a kernel tree that can change what a live device depends on.

Functions of the PCI core and of code that handles any device are found one by one, drivers for
devices of their own by file.

Found are writes of registers by name, of some by a literal offset, and calls of functions that
reset. Not found are writes at a computed offset: pci_restore_state(), config in sysfs, procfs and
the system call, and AML.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Code for any device, found by function. Elsewhere, a file handles devices of its own.
CORE = ("arch/x86/", "arch/arm64/", "drivers/pci/", "drivers/vfio/", "drivers/xen/",
        "drivers/firmware/", "drivers/iommu/", "drivers/acpi/", "include/", "kernel/")  # fmt: skip
# Host controllers, whose registers have the layout of a device.
OWN = ("drivers/pci/controller/", "drivers/pci/endpoint/")
SEARCHED = ("arch/x86", "arch/arm64", "drivers", "include", "kernel", "lib", "sound")

FUNCTION = re.compile(r"^[A-Za-z_][^;=]*?\b(\w+)\(", re.ASCII)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
# Defines the names of registers.
NO_WRITER = re.compile(r"pci_regs\.h$")


@dataclass(frozen=True)
class Kind:
    """Writers of one kind: what a file has that may have one, and what a line has that is one.

    Most files are told apart by the first, which is cheap.
    """

    name: str
    hints: tuple[str, ...]
    write: re.Pattern[str]

    def may_be_in(self, text: str) -> bool:
        return any(hint in text for hint in self.hints)


def _kind(name: str, hints: str, *writes: str) -> Kind:
    return Kind(name, tuple(hints.split()), re.compile("|".join(writes)))


_WRITES = r"\b\w*(?:write_config|write_pci_config|clear_and_set_config|write[blw])\w*\([^;]*"
_AT = r"\b\w*write_(?:pci_)?config\w*\([^,;]+(?:,[^,;]+)?,\s*"
_CAPABILITY = r"\bpcie_capability_\w*(?:set|clear|write)\w*\([^;]*"

MASTER = _kind(
    "Bus Master",
    "PCI_COMMAND write_config write_pci_config",
    r"(?:\b\w*(?:write_config|write_pci_config|clear_and_set_config|writel|writew)\w*|\bops->write)"
    r"\([^;]*\bPCI_COMMAND\b",
    _AT + r"(?:0x0?)?4\s*,",
    r"\bPCI_COMMAND_MASTER\b",
)
BUS_NUMBERS = _kind(
    "bus numbers",
    "PRIMARY_BUS SECONDARY_BUS SUBORDINATE_BUS write_config write_pci_config _busn_res",
    _WRITES + r"\bPCI_(?:PRIMARY|SECONDARY|SUBORDINATE)_BUS\b",
    _AT + r"0x1[89aA]\s*,",
    r"\bpci_bus_(?:insert_busn_res|update_busn_res_end)\(",
)
ACS = _kind(
    "ACS",
    "ACS_CTRL enable_acs disable_acs",
    _WRITES + r"\b\w*ACS_CTRL\b",
    r"\bpci_(?:enable_acs|dev_specific_enable_acs|dev_specific_disable_acs_redir)\(",
)
ARI = _kind(
    "ARI",
    "DEVCTL2_ARI ari_enabled",
    _CAPABILITY + r"\bPCI_EXP_DEVCTL2_ARI\b",
    _WRITES + r"\bPCI_EXP_DEVCTL2_ARI\b",
    r"\bari_enabled\s*=[^=]",
)
RESETS = _kind(
    "resets",
    "BCR_FLR CTRL_FLR CTL_BUS_RESET pcie_flr pcie_reset_flr secondary_bus pci_reset_ pci_try_reset_"
    ' reset_slot reset_root_port "_RST"',
    r"\bPCI_EXP_DEVCTL_BCR_FLR\b|\bPCI_AF_CTRL_FLR\b|\bPCI_BRIDGE_CTL_BUS_RESET\b",
    r"\bpcie_(?:reset_)?flr\(",
    r"\bpci_(?:bridge_secondary_bus_reset|reset_secondary_bus|reset_bus|try_reset_\w+)\(",
    r"\bpci_(?:try_)?reset_function(?:_locked)?\(|\b__pci_reset_function_locked\(",
    r"\breset_(?:slot|root_port)\b",
    r'"_RST"',
)
KINDS = (MASTER, BUS_NUMBERS, ACS, ARI, RESETS)


def blank(match: re.Match[str]) -> str:
    """Return as many newlines as the comment has."""
    return "\n" * match.group().count("\n")


def writes(kind: Kind, line: str, following: str) -> bool:
    """Tell whether a line writes, by itself or with the next one: arguments may continue there."""
    both = f"{line} {following}"
    if not kind.may_be_in(both):
        return False
    if kind.write.search(line):
        return True
    return "(" in line and bool(kind.write.search(both)) and not kind.write.search(following)


def functions(text: str, kind: Kind) -> Iterator[str]:
    """Yield the name of each function that writes, or an empty name outside of functions."""
    lines = COMMENT.sub(blank, text).splitlines()
    name = ""
    for line, following in zip(lines, [*lines[1:], ""]):
        if found := FUNCTION.match(line):
            name = found.group(1)
        if writes(kind, line, following):
            yield name


def writers_in(name: str, text: str, kind: Kind) -> set[str]:
    """Return `file` or `file function` for each writer in a file."""
    if not kind.may_be_in(text) or NO_WRITER.search(name):
        return set()
    names = set(functions(text, kind))
    if name.startswith(CORE) and not name.startswith(OWN):
        return {f"{name} {function}".strip() for function in names}
    return {name} if names else set()


def writers(tree: Path, *kinds: Kind) -> list[set[str]]:
    """Return the writers in the tree, by kind."""
    found: list[set[str]] = [set() for _ in kinds]
    for part in SEARCHED:
        for path in (tree / part).rglob("*.[ch]"):
            text = path.read_text(errors="replace")
            name = path.relative_to(tree).as_posix()
            for there, kind in zip(found, kinds):
                there |= writers_in(name, text, kind)
    return found
