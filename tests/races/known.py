# SPDX-License-Identifier: GPL-2.0
"""Data races of the unchanged kernel in functions that a patch of ours changes elsewhere."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A race that is not ours to fix."""

    title: str
    """What the report says, as a regular expression for all of it."""
    line: str
    """The access in the function that is changed. Any other one there is ours."""
    reason: str


_SHARED_WORD = "a bitfield of struct pci_dev, with other bits under other locks"

KNOWN = [
    Known(
        r"data-race in __pci_set_master / pci_user_(read|write)_config_(byte|word|dword)",
        "dev->is_busmaster = enable;",
        _SHARED_WORD,
    ),
    Known(
        r"data-race in (\w+ / )?pci_cfg_access_unlock( / \w+)?",
        "dev->block_cfg_access = 0;",
        _SHARED_WORD,
    ),
]
