# SPDX-License-Identifier: GPL-2.0
"""What was tried, as a page of the kernel's documentation."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from vm.left import Left

PAGE = Path(__file__).resolve().parents[2] / "Documentation" / "PCI" / "liveupdate-tried.rst"

# What a command tries, and the command.
COMMANDS = {
    "bytes": (
        "make kunit",
        "Each byte of a handover of three devices behind a switch is set to 0 and to 255, and its "
        "lowest and its highest bit are flipped. The decoders judge all of them.",
    ),
    "corrupt": (
        "make corrupt",
        "The same between two kernels, with all bytes of headers and of entries in use, and a "
        "sample of those behind.",
    ),
    "failnth": (
        "make failnth",
        "The first, the second, and each further allocation of an operation fails, until there "
        "is none that could.",
    ),
    "orders": (
        "make check",
        "Every sequence of steps that preserve, hand over and finish two devices behind a switch "
        "and one on the root bus, against the models of the tests.",
    ),
    "races": (
        "make races",
        "All operations at the same time on four CPUs, with KCSAN and lockdep, in an order that a "
        "seed decides.",
    ),
    "soak": (
        "make soak",
        "One machine whose kernel is replaced again and again, with devices preserved and "
        "finished by turns. Memory must not pile up.",
    ),
    "fuzz": ("make fuzz", "The decoders on arbitrary bytes."),
    "mutants-host": (
        "make mutants M=host",
        "The formats and the logic are broken, one expression at a time: the host tests have to "
        "notice. What survives is listed in the repository, with the reason why it is the same.",
    ),
    "mutants": (
        "make mutants",
        "What only a kernel runs is broken, one line at a time: the named test has to notice.",
    ),
}

_HEAD = """\
.. SPDX-License-Identifier: GPL-2.0
.. Written by `make tried`.

==================================
What was tried on PCI Live Update
==================================

How often it was tried to break it, and what came of that. Each command leaves its
counts when it has passed, and ``make tried`` writes this page from them. A row is
about the version of the kernel source that it names.

.. list-table::
   :header-rows: 1
   :widths: 18 42 26 14

   * - Command
     - What is tried
     - How often, and what came of it
     - Base, date
"""


def _counted(parts: Sequence[Left]) -> str:
    """The sum of all parts."""
    counts: Counter[str] = Counter()
    for part in parts:
        for what, count in part.counts.items():
            counts[what] += count
    return ", ".join(f"{count:,} {what}" for what, count in counts.items())


def _days(parts: Sequence[Left]) -> str:
    return " to ".join(sorted({min(part.day for part in parts), max(part.day for part in parts)}))


def _row(command: str, parts: Sequence[Left]) -> Iterator[str]:
    typed, what = COMMANDS[command]
    bases = ", ".join(sorted({part.base for part in parts}))
    yield f"   * - ``{typed}``\n"
    yield f"     - {what}\n"
    yield f"     - {_counted(parts)}\n"
    yield f"     - {bases}, {_days(parts)}\n"


def page(left: Sequence[Left]) -> str:
    """The page."""
    text = _HEAD
    for command in COMMANDS:
        parts = [part for part in left if part.command == command]
        if parts:
            text += "".join(_row(command, parts))
    return text
