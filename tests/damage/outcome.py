# SPDX-License-Identifier: GPL-2.0
"""What a kernel made of a handover, from its log."""

import re

from .model import Outcome

_BDF = r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]"
_PLACE = r"at ((?:offset \d+)(?: of block \d+)?|block \d+): "
_REFUSED = re.compile(r"handover refused: ([^:]+): ")
_REFUSED_AT = re.compile(rf"handover refused: ([^:]+): {_PLACE}")
_VERSION = re.compile(r"handover refused: pci: expected version 1 or 2, found")
_IGNORED = re.compile(rf"identity record ignored: {_PLACE}")
_UNKNOWN = "is not known, the handover is read as pci-v3"


def _refused(text: str) -> str | None:
    if _VERSION.search(text):
        return "pci at offset 0"
    found = _REFUSED_AT.search(text)
    if found:
        return f"{found[1]} at {found[2]}"
    found = _REFUSED.search(text)
    return found[1] if found else None


def _functions(text: str, what: str) -> frozenset[str]:
    return frozenset(re.findall(rf"({_BDF}): {what}", text))


def read(text: str) -> Outcome:
    """The outcome that the log of a kernel tells."""
    ignored = _IGNORED.search(text)
    return Outcome(
        refused=_refused(text),
        incoming=_functions(text, "incoming, preserved by the previous kernel"),
        missing=_functions(text, "handed over, but missing"),
        other=_functions(text, "not incoming, another device"),
        told=_functions(text, "incoming, but expected"),
        ignored=ignored[1] if ignored else None,
        unknown_version=_UNKNOWN in text,
    )
