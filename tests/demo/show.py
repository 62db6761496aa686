# SPDX-License-Identifier: GPL-2.0
"""The output for people: a line that is updated on a terminal, plain lines in a pipe."""

import sys
import threading
import time
from collections.abc import Sequence
from typing import TextIO

from vm import Pci

from .ring import DESCRIPTORS
from .traffic import Traffic
from .verdict import Run

_PERIOD = 0.1
_BOLD, _DIM, _RED, _GREEN, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[0m"
_CLEAR = "\r\x1b[K"


class Quiet:
    """Prints nothing."""

    def topology(self, path: Sequence[Pci]) -> None:
        """Ignores it."""

    def tell(self, text: str) -> None:
        """Ignores it."""

    def stage(self, name: str, traffic: Traffic) -> None:
        """Ignores it."""


class Show:
    """Prints the progress of a run. A thread reads the counters meanwhile."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._lively = out.isatty()
        self._lock = threading.Lock()
        self._stage: tuple[str, Traffic] | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._began = time.monotonic()

    def __enter__(self) -> "Show":
        if self._lively:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._lively:
            self._thread.join()
        self.leave_stage()

    def _colour(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._lively else text

    def _line(self, text: str) -> None:
        with self._lock:
            self._out.write(f"{_CLEAR if self._lively else ''}{text}\n")
            self._out.flush()

    def _now(self) -> str:
        return self._colour(_DIM, f"{time.monotonic() - self._began:5.1f} s ")

    # Observer of a run

    def title(self, text: str) -> None:
        """Starts a new run."""
        self._line("")
        self._line(self._colour(_BOLD, text))

    def topology(self, path: Sequence[Pci]) -> None:
        """Prints the path of a frame."""
        port, up, down, card = path
        for line in (
            "",
            "   host                      machine",
            f"   a frame a millisecond     {port}  root port",
            f"     │                         └─ {up}  switch, upstream port",
            f"     │                              └─ {down}  switch, downstream port",
            f"     └──── cable ────────────────────────> {card}  e1000e",
            "                                              └─ DMA ──> ring of"
            f" {DESCRIPTORS - 1:,} frames",
            "",
        ):
            self._line(line)

    def tell(self, text: str) -> None:
        """Prints an event."""
        self.leave_stage()
        loud = text.startswith("JUMP")
        self._line(f"{self._now()} {self._colour(_BOLD, text) if loud else text}")

    def stage(self, name: str, traffic: Traffic) -> None:
        """Prints the beginning of a phase."""
        self.leave_stage()
        self._stage = (name, traffic)

    def leave_stage(self) -> None:
        """Prints the final counters."""
        stage, self._stage = self._stage, None
        if stage:
            self._line(f"{self._now()} {self._counters(*stage)}")

    @staticmethod
    def _counters(name: str, traffic: Traffic) -> str:
        sent, received = traffic.sender.sent, traffic.received
        return f"{name:24} {sent:7,} sent {received:7,} received"

    def _count(self) -> None:
        while not self._end.wait(_PERIOD):
            stage = self._stage
            if stage:
                with self._lock:
                    self._out.write(f"{_CLEAR}{self._now()} {self._counters(*stage)}")
                    self._out.flush()

    # Result

    def result(self, run: Run) -> None:
        """Prints a table and a sentence."""
        self._line("")
        self._line("               sent  received      lost   longest gap")
        for part in run.parts():
            gap = "-" if part.longest_gap is None else f"{part.longest_gap * 1000:,.0f} ms"
            self._line(
                f"   {part.name:8}{part.sent:8,}{part.received:10,}{part.lost:10,}{gap:>14}"
            )
        took = run.up - run.jump
        self._line("")
        self._line(
            f"   The jump took {took:.1f} s, from the request to user space of the second kernel."
        )
        self._line("   " + self._colour(_RED if run.problems else _GREEN, self._sentence(run)))
        for problem in run.problems:
            self._line(f"   {self._colour(_RED, problem)}")

    @staticmethod
    def _sentence(run: Run) -> str:
        if run.preserved:
            return f"{len(run.sent):,} frames sent, {run.lost:,} lost."
        after = run.stopped - run.jump
        return (
            f"Reception stopped {after:.1f} s after the request and did not come back: "
            f"{run.lost:,} of {len(run.sent):,} frames lost."
        )

    def end(self, good: bool, where: str) -> None:
        """Prints the last line."""
        self._line("")
        verdict = "passed" if good else "FAILED"
        text = self._colour(_GREEN if good else _RED, verdict)
        self._line(f"demo {text}. Picture and logs are in {where}")
