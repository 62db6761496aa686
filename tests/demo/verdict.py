# SPDX-License-Identifier: GPL-2.0
"""The result of a run, in three parts: before, during and after kexec."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Part:
    """Frames that were sent in one part of the run."""

    name: str
    sent: int
    received: int
    longest_gap: float | None
    """In seconds between two consecutive frames, None if there was only one."""

    @property
    def lost(self) -> int:
        """The number of lost frames."""
        return self.sent - self.received


@dataclass
class Run:
    """One run, with or without preserving, in seconds since its first frame."""

    preserved: bool
    jump: float = 0.0
    """The time at which kexec was requested."""
    up: float = 0.0
    """The time at which user space of the second kernel was running."""
    uptime: float = 0.0
    """The uptime of the second kernel at that time."""
    end: float = 0.0
    """The time at which the run ended."""
    sent: Sequence[float] = ()
    """The time at which each frame was sent, by number."""
    arrived: Sequence[tuple[float, int]] = ()
    """The time at which a frame was seen in the ring, and its number, in that order."""
    capacity: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    """Additional results."""
    problems: list[str] = field(default_factory=list)
    """Why the run failed."""

    def check(self, what: str, condition: bool) -> None:
        """Adds a problem unless the condition is true."""
        if not condition:
            self.problems.append(f"not so: {what}")

    @property
    def stopped(self) -> float:
        """The time at which the last frame arrived."""
        return self.arrived[-1][0] if self.arrived else 0.0

    @property
    def lost(self) -> int:
        """Frames that were sent and did not arrive."""
        return len(self.sent) - len(self.arrived)

    def parts(self) -> list[Part]:
        """Before, during and after kexec."""
        bounds = [float("-inf"), self.jump, self.up, float("inf")]
        return [
            self._part(name, begin, end)
            for name, begin, end in zip(("before", "during", "after"), bounds, bounds[1:])
        ]

    def _part(self, name: str, begin: float, end: float) -> Part:
        numbers = [n for n, at in enumerate(self.sent) if begin <= at < end]
        wanted = range(numbers[0], numbers[-1] + 1) if numbers else range(0)
        times = [at for at, _ in self.arrived]
        received = [i for i, (_, number) in enumerate(self.arrived) if number in wanted]
        gaps = [times[i] - times[i - 1] for i in received if i]
        return Part(name, len(wanted), len(received), max(gaps, default=None))

    def summary(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "preserved": self.preserved,
            "sent": len(self.sent),
            "received": len(self.arrived),
            "lost": self.lost,
            "stopped_receiving_s": None if self.preserved else round(self.stopped, 3),
            "jump_requested_s": round(self.jump, 3),
            "jump_took_s": round(self.up - self.jump, 3),
            "second_kernel_uptime_s": self.uptime,
            "parts": [
                {
                    **asdict(part),
                    "lost": part.lost,
                    "longest_gap": None if part.longest_gap is None else round(part.longest_gap, 4),
                }
                for part in self.parts()
            ],
            **self.facts,
            "problems": self.problems,
        }
