# SPDX-License-Identifier: GPL-2.0
"""Finds lines in a console log that a healthy kernel does not print."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .errors import SetupError

# The first line of a report. The name of the pattern is shown to the reader.
PATTERNS: dict[str, str] = {
    "bug": r"\bBUG: ",
    "bug at": r"kernel BUG at ",
    "warning": r"\bWARNING: ",
    "oops": r"\bOops: |\bOops\b.*\[#\d+\]",
    "panic": r"Kernel panic - not syncing",
    "rust panic": r"rust_kernel: panicked|panicked at ",
    "general protection": r"general protection fault",
    "page fault": r"unable to handle (page fault|kernel)",
    "double fault": r"(double|stack) (fault|segment)|stack guard page",
    "divide": r"divide error:",
    "invalid opcode": r"invalid opcode:",
    "kasan": r"\bKASAN: ",
    "ubsan": r"\bUBSAN: ",
    "kcsan": r"\bKCSAN: ",
    # Detectors that the command line disables print so at once; those that give up, later.
    "kmemleak": r"kmemleak: .*suspected memory leak"
    r"|(?<!\[    0\.000000\] )kmemleak: Kernel memory leak detector disabled",
    "lockdep": r"possible (circular|recursive) locking|inconsistent lock state|lock order",
    "lockdep off": r"turning off the locking correctness validator|INFO: lockdep is turned off",
    "bad unlock": r"bad unlock balance|still held|held lock freed|nested lock was not taken",
    "rcu stall": r"rcu:.*(detected stalls|self-detected stall)|rcu_.*kthread starved",
    "suspicious rcu": r"suspicious RCU usage",
    "hung task": r"INFO: task .* blocked for more than",
    "soft lockup": r"soft lockup|hard LOCKUP|watchdog: BUG",
    "atomic": r"scheduling while atomic|sleeping function called from invalid context",
    "refcount": r"refcount_t: ",
    "list": r"list_(add|del) corruption|list corruption",
    "slub": r"BUG kmalloc|SLUB: .*(corrupt|Unable)|Object .*(freed|corrupt)|Redzone .*overwritten",
    "odebug": r"\bODEBUG: ",
    "bad page": r"Bad page (state|map)|bad: scheduling",
    "irqs": r"irq .*: nobody cared|IRQ handler .* enabled interrupts",
    "call trace": r"^(\[[^]]*\] )?Call Trace:",
    "kho off": r"disabling kexec handover|KHO: Failed|luo: failed|Disabling liveupdate",
}


@dataclass(frozen=True)
class Expected:
    """A line that a scenario provokes, and how often it must occur."""

    pattern: str
    count: int | None = 1
    """None: any number of times, or not at all."""


@dataclass(frozen=True)
class Finding:
    """A line that must not occur, or an expected line that is missing."""

    cause: str
    text: str

    def __str__(self) -> str:
        return f"{self.cause}: {self.text}"


def _cause(line: str, patterns: dict[str, re.Pattern[str]]) -> str | None:
    return next((name for name, pattern in patterns.items() if pattern.search(line)), None)


def scan(
    lines: Iterable[str],
    expected: Sequence[Expected] = (),
    patterns: dict[str, str] | None = None,
) -> list[Finding]:
    """All findings in a log. Expected lines count only if their number is wrong."""
    chosen = PATTERNS if patterns is None else patterns
    if not chosen or not all(chosen.values()):
        raise SetupError("a scan for splats without patterns")
    compiled = {name: re.compile(pattern) for name, pattern in chosen.items()}
    allowed = [(re.compile(item.pattern), item) for item in expected]
    counts = [0] * len(allowed)
    findings = []

    for line in lines:
        hits = [n for n, (pattern, _) in enumerate(allowed) if pattern.search(line)]
        for hit in hits:
            counts[hit] += 1
        cause = _cause(line, compiled)
        if cause and not hits:
            findings.append(Finding(cause, line.strip()))

    for count, (_, item) in zip(counts, allowed, strict=True):
        if item.count is not None and count != item.count:
            text = f"{item.pattern!r} seen {count} times instead of {item.count}"
            findings.append(Finding("expected line", text))
    return findings
