# SPDX-License-Identifier: GPL-2.0
"""One run: a machine, a card that receives, kexec, and the frames that arrived."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from vm import Guest, Machine, Pci, Vm, endpoint, root_port, switch

from .driver import AnyCard, Driver
from .traffic import Traffic, sustainable
from .verdict import Run

# Behind a root port and a switch, which have to forward all the time.
PATH = ("rp", "sw", "sw.0", "card")
MACHINE = Machine(
    devices=[
        root_port("rp", "4"),
        switch("sw", "rp", 1),
        endpoint("card", "sw.0", "e1000e", netdev="cable"),
    ],
    cables=["cable"],
)

BEFORE = 2.0
AFTER = 2.0


class Audience(Protocol):
    """Observes a run."""

    def topology(self, path: Sequence[Pci]) -> None:
        """The machine is running, and this is the path to the card."""

    def tell(self, text: str) -> None:
        """An event."""

    def stage(self, name: str, traffic: Traffic) -> None:
        """The beginning of a phase."""


class Recorder:
    """A run in progress."""

    def __init__(self, vm: Vm, driver: Driver, run: Run, audience: Audience) -> None:
        self.vm = vm
        self.driver = driver
        self.run = run
        self.audience = audience

    def record(self) -> None:
        """The complete run."""
        old = self.vm.boot(self.driver.ARGUMENTS)
        path = [old.pci(name) for name in PATH]
        self.audience.topology(path)
        card = self.driver.start(path[-1])
        ring = self.driver.ring(self.vm, path[-1])
        self.run.capacity = card.statistics().capacity
        rate = sustainable(old.hello.uptime)
        with Traffic(self.vm, "cable", path[-1], rate, ring) as traffic:
            begin = traffic.sender.began
            self.audience.tell("frames arrive, from now on they count")
            self.audience.stage("the first kernel runs", traffic)
            self._before(card, traffic)
            self.run.jump = time.monotonic() - begin
            blind = "" if self.run.preserved else self.driver.BLIND
            new = self.vm.live_update(f"{self.driver.ARGUMENTS} {blind}")
            self.run.up = time.monotonic() - begin
            self.run.uptime = new.hello.uptime
            self.audience.tell(f"the second kernel is up, {new.hello.uptime:.1f} s old")
            self.audience.stage("the second kernel runs", traffic)
            if self.run.preserved:
                self._take_over(new, new.pci(path[-1].bdf), traffic)
            else:
                self._look_only(new.pci(path[-1].bdf), traffic)
            self._close_books(traffic)

    def _before(self, card: AnyCard, traffic: Traffic) -> None:
        time.sleep(BEFORE)
        traffic.note(card.take(traffic.stream))
        if self.run.preserved:
            session = card.guest.create_session()
            self.driver.preserve(card, session)
            kinds = [entry.kind for entry in card.guest.outgoing().values()]
            self.run.check("the card is preserved", kinds.count("endpoint") == 1)
            self.run.check("its bridges are preserved", kinds.count("bridge") == len(PATH) - 1)
            self.audience.tell(
                f"preserved: {self.driver.KEPT}, and {kinds.count('bridge')} bridges above it"
            )
        self.audience.tell("JUMP: the first kernel is told to start the second one")
        self.audience.stage("between the kernels", traffic)

    def _take_over(self, new: Guest, function: Pci, traffic: Traffic) -> None:
        run = self.run
        run.check("Bus Master of the card was kept", function.bus_master)
        session = new.retrieve_session()
        card = self.driver.retrieve(function, session)
        run.facts["waiting_when_taken_over"] = waiting = self._healthy(card)
        self.audience.tell(f"its driver takes the ring over, {waiting:,} frames are waiting")
        traffic.note(card.take(traffic.stream))
        time.sleep(AFTER / 2)
        session.finish()
        self.audience.tell("finished: the card is one like any other again")
        time.sleep(AFTER / 2)
        self._healthy(card)
        traffic.stop()
        traffic.note(card.take(traffic.stream))
        run.check("the canaries around the ring live", traffic.ring.canaries_alive())
        run.problems += traffic.problems()

    def _healthy(self, card: AnyCard) -> int:
        self.run.problems += self.driver.problems(card)
        return card.statistics().waiting

    def _look_only(self, function: Pci, traffic: Traffic) -> None:
        """Before Bus Master is set again, which would let in the frames that are queued."""
        run = self.run
        run.check("the card has no driver that could touch it", function.driver is None)
        run.check("Bus Master of the card was cleared", not function.bus_master)
        seen = traffic.received
        time.sleep(AFTER / 2)
        run.check("reception stays stopped", traffic.received == seen)
        run.check("Bus Master of the card is still off", not function.bus_master)
        self.audience.tell("the card cannot reach memory: its Bus Master bit is off")
        traffic.sender.stop()

    def _close_books(self, traffic: Traffic) -> None:
        run = self.run
        begin, first = traffic.sender.began, traffic.sender.first
        run.sent = [at - begin for at in traffic.sender.times]
        run.arrived = [
            (at - begin, number - first)
            for at, number in zip(traffic.watch.times, traffic.watch.numbers)
            if number >= first
        ]
        before = run.parts()[0]
        run.check("frames arrived before the jump", before.received > 0)
        run.check("no frame was lost before the jump", before.lost == 0)
        if not run.preserved:
            run.check("frames were lost without preserving", run.lost > 0)


def record(
    driver: Driver,
    preserve: bool,
    config: str,
    directory: Path,
    accel: Sequence[str],
    audience: Audience,
) -> Run:
    """Does a run."""
    directory.mkdir(parents=True, exist_ok=True)
    run = Run(preserve)
    with Vm(MACHINE, config, directory, accel) as vm:
        Recorder(vm, driver, run, audience).record()
        vm.finish()
        run.problems += [f"console: {finding}" for finding in vm.console.findings(())]
    return run
