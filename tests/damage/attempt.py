# SPDX-License-Identifier: GPL-2.0
"""Changes of bytes between two kernels, and what comes of each."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from vm import Guest, Machine, Vm, check, endpoint, handover, root_port, sample, switch
from vm.errors import Failure
from vm.fabric import masters_cleared
from vm.rewind import Rewind
from vm.splat import scan
from vm.trace import Mark

from . import model, outcome
from .handed import Change, Handed, Part
from .model import Outcome

# A card without a driver, whose registers QEMU can save and restore.
CARD = "e1000"
NAMES = ("a", "b", "c")
MACHINE = Machine(
    devices=[
        root_port("rp", "4"),
        switch("sw", "rp", 3),
        endpoint("a", "sw.0", CARD, addr="0.0", multifunction="on"),
        # One bit from the first one, and never preserved.
        endpoint("beside", "sw.0", CARD, addr="0.1"),
        endpoint("b", "sw.1", CARD),
        endpoint("c", "sw.2", CARD),
    ],
)

# The text of a line in the log of a kernel, which is between binary data.
_LINE = re.compile(rb"[ -~]{4,}")

# The decoders run in the first function. With the second one, all is enumerated.
START, END = "pci_liveupdate_init", "free_initmem"
POLICY = "pci_liveupdate=contain"
SEED = 13


@dataclass(frozen=True)
class Case:
    """What is handed over."""

    formats: str = ""
    record: bool = True
    only: tuple[Part, ...] = tuple(Part)
    """The parts that are changed."""

    @property
    def arguments(self) -> str:
        """For both kernels."""
        return f"pci_liveupdate.formats={self.formats}" if self.formats else ""

    @property
    def confirmed(self) -> bool:
        """Whether something else than one list says which functions are preserved."""
        return self.record or not self.formats


CASES = {
    "both": Case(),
    "array": Case("pci-v3", only=(Part.ARRAY, Part.RECORD)),
    "list": Case("pci", only=(Part.HEAD, Part.BLOCK)),
    "array-alone": Case("pci-v3", record=False),
    "list-alone": Case("pci", record=False),
}


@dataclass(frozen=True)
class Effort:
    """How much is tried."""

    sample: int
    """Bytes of each part behind the entries in use."""
    step: int
    """Each how manieth change of these is made."""
    boots: int
    """Changes that are also made between kernels that boot as usual."""


SHORT = Effort(sample=2, step=97, boots=1)
FULL = Effort(sample=24, step=1, boots=20)


@dataclass
class Tally:
    """What came of all attempts."""

    counts: Counter[str] = field(default_factory=Counter)
    adopted: list[str] = field(default_factory=list)
    """The changes that make another function incoming, which is there."""

    def note(self, change: Change, found: Outcome, listed: frozenset[str]) -> None:
        """One more attempt."""
        self.counts["tries"] += 1
        if found.refused:
            self.counts["refused"] += 1
        elif found.unknown_version:
            self.counts["of another version, read as pci-v3"] += 1
        elif found.ignored:
            self.counts["without the record"] += 1
        elif found.other:
            self.counts["another device"] += 1
        elif found.told:
            self.counts["another state"] += 1
        elif found.missing:
            self.counts["another function"] += 1
        else:
            self.counts["of no effect on what is incoming"] += 1
        if found.incoming - listed:
            self.counts["of these, one that is there"] += 1
            self.adopted.append(str(change))

    def __str__(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in self.counts.items())


class Attempts:
    """All attempts on a machine."""

    def __init__(self, vm: Vm, case: Case, effort: Effort) -> None:
        self._vm = vm
        self._case = case
        self._effort = effort
        self._luo = b""
        self._listed: frozenset[str] = frozenset()
        self._present: frozenset[str] = frozenset()
        self._kept: list[Change] = []
        self.tally = Tally()

    def run(self) -> None:
        """Makes them."""
        self._vm.boot(self._case.arguments)
        self._preserve()
        new = self._vm.live_update(
            f"{self._case.arguments} {POLICY}", at_jump=self._rewound, stop_at=START
        )
        self._vm.step(f"each of these: {self.tally}")
        check.equal("incoming after all was put back", set(new.incoming()), set(self._listed))
        for change in self._picked(self._effort.boots):
            self._boot(change)

    def _preserve(self) -> None:
        guest = self._vm.guest
        devices = sample.bind(guest, *NAMES)
        session = guest.create_session()
        for token, device in enumerate(devices):
            sample.preserve(session, device, token)
        self._luo = guest.outgoing_luo()
        self._listed = frozenset(guest.outgoing())
        self._present = frozenset(guest.names("/sys/bus/pci/devices"))

    def _handed(self) -> Handed:
        ram = self._vm.ram
        if not self._case.record:
            for flb in handover.flbs(ram, self._luo):
                if flb.name == handover.IDENTITY:
                    ram.write(flb.address, b"unknown".ljust(len(handover.IDENTITY), b"\0"))
        return Handed.find(ram, self._luo)

    def _changes(self, handed: Handed) -> list[Change]:
        changes = handed.changes(self._effort.sample, SEED)
        return [change for change in changes if change.part in self._case.only]

    def _expected(self, handed: Handed, change: Change) -> Outcome:
        block = handed.addresses.get(Part.BLOCK, 0)
        now = handed.changed(change)
        return model.outcome(handed.contents, now, block, self._present)

    def _rewound(self) -> None:
        """At the start of the new kernel, which is put back after each attempt."""
        handed = self._handed()
        changes = self._changes(handed)
        self._kept = changes
        rewind = Rewind(self._vm, START, END)
        chosen = changes[:: self._effort.step]
        for number, change in enumerate(chosen, start=1):
            try:
                mark = rewind.run(partial(handed.make, self._vm.ram, change))
                text = rewind.log()
            except Failure as err:
                raise Failure(f"{change}: {err}") from err
            lines = [line.decode("ascii") for line in _LINE.findall(text)]
            found = outcome.read("\n".join(lines))
            self._judge(change, found, self._expected(handed, change), mark, lines)
            self.tally.note(change, found, self._listed)
            self._vm.step(f"{number} of {len(chosen)}: {change}: {found}")
            rewind.back()
        rewind.leave()

    def _judge(
        self, change: Change, found: Outcome, expected: Outcome, mark: Mark, lines: Sequence[str]
    ) -> None:
        check.empty(f"splats with {change}", scan(lines))
        self._compare(change, found, expected)
        if self._case.confirmed:
            check.empty(f"adopted with {change}", found.incoming - self._listed)
        # What is adopted was not preserved, so the previous kernel has stopped it.
        path = [self._vm.guest.pci(bdf) for bdf in sorted(self._listed)]
        stopped = {item.bdf for item in path if masters_cleared(self._vm.trace, [item], mark)}
        due = {item.bdf for item in path} if found.refused else set(found.other)
        check.equal(f"functions that lose Bus Master with {change}", stopped, due)

    def _compare(self, change: Change, found: Outcome, expected: Outcome) -> None:
        if not expected.permits(found):
            raise Failure(f"{change}: expected {expected}, found {found}")

    def _picked(self, number: int) -> list[Change]:
        """So many of all changes, evenly."""
        step = len(self._kept) / number
        return [self._kept[int(step * (nr + 0.5))] for nr in range(number)]

    def _boot(self, change: Change) -> None:
        """The same between two kernels, of which the second one boots as usual."""
        vm, guest = self._vm, self._vm.guest
        session = guest.retrieve_session()
        session.finish()
        session.close()
        self._preserve()
        made: list[Outcome] = []

        def at_jump() -> None:
            handed = self._handed()
            made.append(self._expected(handed, change))
            handed.make(vm.ram, change)

        new = vm.live_update(f"{self._case.arguments} {POLICY}", at_jump=at_jump)
        [expected] = made
        found = outcome.read("\n".join(new.log()))
        vm.step(f"{change}: {found}")
        self._compare(change, found, expected)
        self._booted(new, change, found)

    def _booted(self, new: Guest, change: Change, found: Outcome) -> None:
        """What debugfs says is the same as what the log says."""
        incoming = new.incoming()
        there = {bdf for bdf, entry in incoming.items() if entry.state != "missing"}
        missing = set(incoming) - there
        check.equal(f"incoming with {change}", there, set(found.incoming))
        check.equal(f"missing with {change}", missing, set(found.missing))
        check.equal(f"arrived with {change}", new.stats()["arrived"], len(found.incoming))
