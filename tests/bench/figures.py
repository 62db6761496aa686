# SPDX-License-Identifier: GPL-2.0
"""The figures of a column: what was measured, per call, and what follows from it."""

from .machine import Measured

PORTS = (8, 32, 128)
# Of a bridge that other devices keep in use.
_SHORT, _LONG = 2, 8


def derive(measured: dict[str, Measured], sizes: dict[str, int]) -> dict[str, int]:
    """By name. The number of devices is the last part of a name, the path length before it."""
    found = {name: item.each for name, item in measured.items()}
    long, short = (measured[f"churn-preserve/{length}/64"] for length in (_LONG, _SHORT))
    found["preserve-bridge"] = Measured(
        long.value - short.value, long.calls * (_LONG - _SHORT), 0
    ).each
    for ports in PORTS:
        for what in ("", "-reads", "-writes"):
            plain, handover = (
                found[f"scan-{kind}{what}/{ports}"] for kind in ("plain", "handover")
            )
            found[f"scan-extra{what}/{ports}"] = handover - plain
    # The log lines of all calls of a kind, which are no part of their figure.
    lines = {f"{name}:lines": item.lines for name, item in measured.items() if item.lines}
    return found | sizes | lines
