# SPDX-License-Identifier: GPL-2.0
"""What a thread of the guest repeats, and what came of it."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from errno import errorcode

from vm import Guest
from vm.guest import Request, StepCount, Stress
from vm.wire import Word

_FOREVER = 10**9


class Tally:
    """How often each kind of step had which result."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)

    def add(self, actor: str, step: str, by_errno: dict[int, int]) -> None:
        """More results."""
        self._counts[actor, step].update(by_errno)

    def results(self, actor: str, step: str) -> Counter[int]:
        """Those of one kind of step by errno; 0 is success."""
        return self._counts[actor, step]

    def __iter__(self) -> Iterator[tuple[str, str, Counter[int]]]:
        for (actor, step), counts in sorted(self._counts.items()):
            yield actor, step, counts

    def lines(self) -> list[str]:
        """A line for each kind of step."""
        return [
            f"{actor:10} {step:14} {sum(counts.values()):7}: {_told(counts)}"
            for actor, step, counts in self
        ]


def _told(counts: Counter[int]) -> str:
    names = ((errorcode.get(code, str(code)) if code else "ok", n) for code, n in counts.items())
    return ", ".join(f"{n} {name}" for name, n in sorted(names, key=lambda it: (it[0] != "ok", it)))


class Script:
    """The steps of a thread. A step that needs the result of one that failed is left out."""

    def __init__(self, actor: str) -> None:
        self.actor = actor
        self._steps: list[Request] = []
        self._names: list[str] = []

    def do(self, name: str, *request: Word) -> str:
        """Adds a step. Returns what stands for its result in later ones."""
        self._steps.append(request)
        self._names.append(name)
        return f"${len(self._steps) - 1}"

    def pause(self, microseconds: int) -> None:
        """Adds a pause."""
        self.do("", "thread.pause", microseconds)

    def start(self, guest: Guest, name: str) -> "Running":
        """Starts the thread."""
        return Running(self, guest.stress(name, _FOREVER, *self._steps))

    def tell(self, counts: Sequence[StepCount], tally: Tally) -> None:
        """Adds up what came of the steps."""
        for name, count in zip(self._names, counts, strict=True):
            if name:
                tally.add(self.actor, name, count.by_errno)


class Running:
    """A thread that runs until it is stopped."""

    def __init__(self, script: Script, thread: Stress) -> None:
        self._script = script
        self._thread = thread

    def stop(self, tally: Tally, timeout: float) -> None:
        """Stops it after its current pass, and adds its results."""
        self._script.tell(self._thread.stop(timeout), tally)
