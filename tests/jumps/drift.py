# SPDX-License-Identifier: GPL-2.0
"""What the figures of many jumps say: what they took, and whether anything piles up.

Kernels at the same place of a round do the same, so that their figures are compared.
Each machine is looked at by itself.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from .kernel import Figures
from .plan import ROUND

# Free pages differ by so much from boot to boot, as caches and stacks grow by themselves.
NOISE = 32


@dataclass(frozen=True)
class Series:
    """A figure of the kernels at one place of a round, on one machine."""

    name: str
    machine: int
    place: int
    kernel: str
    values: Sequence[int]

    @property
    def drift(self) -> int:
        """How much more it is in the later half than in the earlier one."""
        half = len(self.values) // 2
        return round(median(self.values[-half:]) - median(self.values[:half])) if half else 0

    @property
    def spread(self) -> int:
        """The largest difference between two of them."""
        return max(self.values) - min(self.values)

    def __str__(self) -> str:
        return (
            f"{self.name} of kernel {self.place} of a round, {self.kernel}, "
            f"on machine {self.machine}"
        )


def _series(jumps: Sequence[Figures], name: str) -> Iterator[Series]:
    found: dict[tuple[int, int, str], list[int]] = defaultdict(list)
    for jump in jumps:
        found[jump.machine, jump.jump % len(ROUND), jump.kernel].append(getattr(jump, name))
    for key, values in found.items():
        yield Series(name, *key, values)


def _worst(series: Sequence[Series], key: Callable[[Series], int]) -> str:
    worst = max(series, key=key)
    return f"{key(worst):+d} pages, {worst}"


def problems(jumps: Sequence[Figures]) -> list[str]:
    """What is not as it was before."""
    found = []
    for name in ("kho", "kho_full"):
        found += [f"{it}: {it.values}" for it in _series(jumps, name) if it.spread]
    for name in ("free", "free_full"):
        found += [
            f"{it}: {it.drift:+d} pages from the first half to the second: {it.values}"
            for it in _series(jumps, name)
            if it.drift < -NOISE
        ]
    return found


def _time(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes else f"{seconds:.0f} s"


def summary(jumps: Sequence[Figures], pace: float) -> list[str]:
    """The lines at the end. `pace` is what a jump takes with all that is done around it."""
    seconds = [jump.seconds for jump in jumps]
    worst = max(jumps, key=lambda jump: jump.seconds)
    kernels = sorted({jump.kernel for jump in jumps})
    counts = ", ".join(f"{sum(it.kernel == name for it in jumps)} to {name}" for name in kernels)
    full = [jump.kho_full for jump in jumps]
    lines = [
        f"{len(jumps)} jumps ({counts}) on {len({jump.machine for jump in jumps})} machines, "
        f"{sum(jump.functions for jump in jumps)} functions handed over",
        f"time: mean {fmean(seconds):.1f} s, worst {worst.seconds:.1f} s (jump {worst.jump}, "
        f"{worst.kernel}); 1,000 jumps take {_time(1000 * pace)}",
        f"decoding a handover: mean {fmean(jump.retrieve_us for jump in jumps):.0f} us, "
        f"worst {max(jump.retrieve_us for jump in jumps)} us",
        f"KHO memory: {min(jump.kho for jump in jumps)} pages without devices, "
        f"{min(full)} to {max(full)} with; spread within a place of a round: "
        f"{max(it.spread for it in _series(jumps, 'kho_full'))}",
    ]
    for name in ("free", "free_full"):
        series = list(_series(jumps, name))
        drift = _worst(series, lambda it: it.drift)
        lowest = min(series, key=lambda it: it.drift)
        lines.append(f"{name} pages: most {drift}; least {lowest.drift:+d} pages, {lowest}")
    return lines
