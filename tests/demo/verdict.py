# SPDX-License-Identifier: GPL-2.0
"""What became of the frames, counted in three parts: before, during and after the jump."""

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
    """In seconds between one frame and the next, None if there was no next one."""

    @property
    def lost(self) -> int:
        """How many never came."""
        return self.sent - self.received


@dataclass
class Run:
    """One run, with or without preserving, in seconds since its first frame."""

    preserved: bool
    jump: float = 0.0
    """When the jump was requested."""
    up: float = 0.0
    """When user space of the second kernel was there."""
    uptime: float = 0.0
    """Of the second kernel by then."""
    end: float = 0.0
    """When the books were closed."""
    sent: Sequence[float] = ()
    """When each frame was sent, in the order of their numbers."""
    arrived: Sequence[tuple[float, int]] = ()
    """When a frame was seen in the ring, and its number, in that order."""
    capacity: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    """What else was found."""
    problems: list[str] = field(default_factory=list)
    """Why the run is not what it should be."""

    def check(self, what: str, condition: bool) -> None:
        """Notes a problem, unless it is so."""
        if not condition:
            self.problems.append(f"not so: {what}")

    @property
    def stopped(self) -> float:
        """When the last frame arrived."""
        return self.arrived[-1][0] if self.arrived else 0.0

    @property
    def lost(self) -> int:
        """Frames that were sent and never came."""
        return len(self.sent) - len(self.arrived)

    def parts(self) -> list[Part]:
        """Before, during and after the jump."""
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
        """For machines."""
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
