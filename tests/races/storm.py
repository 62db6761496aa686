# SPDX-License-Identifier: GPL-2.0
"""All actors in rounds, and what must be so in between and in the end."""

import re
import time
from collections.abc import Sequence
from random import Random

from vm import CheckFailed, Guest, Pci, Session, Vm, check, handover, sample, tracefs
from vm.liveupdate import counts, due
from vm.vfio import DRIVER, Vfio, node

from . import actors
from .actors import LUO_DEBUGFS, Cast, scripts
from .machine import REBOUND, REMOVED, SHARED, SLOT, USER
from .script import Running, Tally
from .slots import Slot

# Seconds of a round, after which all is looked at while it is at rest.
ROUND = 45
# Threads end after their pass, in which a scan may wait for an unplugged device.
_PATIENCE = 10
_KCSAN = "/sys/kernel/debug/kcsan"


class Storm:
    """One machine, and what happens on it."""

    def __init__(self, vm: Vm, seed: str, seconds: float) -> None:
        self._vm = vm
        self._seed = seed
        self._seconds = seconds
        self.tally = Tally()
        self.after = Tally()
        """What the threads did in the new kernel."""
        self.rounds = 0
        self.watchpoints = 0
        self._slot = Slot(vm, self.tally)
        self._memory: frozenset[handover.Page] = frozenset()

    @property
    def _guest(self) -> Guest:
        return self._vm.guest

    def run(self) -> None:
        """Rounds until the time is over, and a live update."""
        self._vm.boot()
        tracefs.start(self._guest)
        self._quiet()
        self._everything()
        self._memory = self._preserved_memory()
        began = time.monotonic()
        while time.monotonic() - began < self._seconds:
            rng = Random(f"{self._seed}-{self.rounds}")
            left = self._seconds - (time.monotonic() - began)
            self._round(rng, min(ROUND, left))
            self.rounds += 1
        self.watchpoints = self._counter("setup_watchpoints")
        self._live_update(Random(f"{self._seed}-after"))

    def problems(self) -> list[str]:
        """What the threads met that they must not, and what did not happen at all."""
        found = [*actors.idle(self.tally), *actors.odd(self.tally), *actors.odd(self.after)]
        if not self.watchpoints:
            found.append("KCSAN watched nothing")
        return found

    # A round

    def _cast(self) -> Cast:
        guest = self._guest
        below = guest.pci(SLOT).below
        bus = guest.pci(SLOT).bus_numbers.secondary
        user = [guest.pci(name) for name in USER]
        return Cast(
            guest=guest,
            shared=[guest.pci(name) for name in SHARED],
            rebound=guest.pci(REBOUND),
            removed=guest.pci(REMOVED),
            plugged=below[0] if below else guest.pci(f"0000:{bus:02x}:00.0"),
            user=user,
            nodes=[node(function) for function in user],
            luo=guest.luo().number,
        )

    def _round(self, rng: Random, seconds: float) -> None:
        anchors = rng.sample(SHARED, rng.randrange(len(SHARED)))
        told = ", ".join(anchors) or "nothing"
        self._vm.step(f"round {self.rounds + 1}, preserved all the time: {told}")
        session = self._guest.create_session("anchor")
        fixed = [self._guest.pci(name) for name in anchors]
        for token, function in enumerate(fixed):
            sample.preserve(session, function, token)
        self._race(rng, seconds, fixed)
        self._at_rest(session, fixed)

    def _race(self, rng: Random, seconds: float, fixed: Sequence[Pci]) -> None:
        began = time.monotonic()
        cast = self._cast()
        most = due(*cast.shared)
        running = [
            script.start(self._guest, name) for name, script in scripts(rng, cast).items()
        ]
        while time.monotonic() - began < seconds:
            self._slot.swap(lambda: self._watch(rng.uniform(1, 5), fixed, most))
            self._watch(rng.uniform(0, 3), fixed, most)
        self._stop(running, self.tally)

    def _stop(self, running: Sequence[Running], tally: Tally) -> None:
        for thread in running:
            thread.stop(tally, _PATIENCE * self._vm.limits.request)

    def _watch(self, seconds: float, fixed: Sequence[Pci], most: dict[str, int]) -> None:
        """What is preserved all the time must be there, whatever the others do."""
        end = time.monotonic() + seconds
        least = due(*fixed)
        while time.monotonic() < end:
            found = counts(self._guest.outgoing())
            for bdf, count in least.items():
                check.true(
                    f"{bdf} counts {count} to {most.get(bdf)}: {found}",
                    count <= found.get(bdf, 0) <= most.get(bdf, count),
                )
            time.sleep(0.3)

    # At rest

    def _at_rest(self, session: Session, fixed: Sequence[Pci]) -> None:
        guest = self._guest
        check.equal("outgoing", counts(guest.outgoing()), due(*fixed))
        listed = guest.text(f"{LUO_DEBUGFS}/outgoing").splitlines()
        check.equal("files of LUO", len(listed), len(fixed))
        stats = guest.stats()
        given_back = stats["unpreserved"] + stats["removed_while_preserved"]
        check.equal("preserved and not given back", stats["preserved"] - given_back, len(fixed))
        session.close()
        self._nothing()
        self._quiet()
        self._everything()
        check.equal("memory that KHO preserves", self._preserved_memory(), self._memory)

    def _nothing(self) -> None:
        check.empty("outgoing", self._guest.outgoing())
        check.empty("files of LUO", self._guest.text(f"{LUO_DEBUGFS}/outgoing"))

    def _quiet(self) -> None:
        """All devices are there and have their drivers."""
        self._guest.rescan()
        sample.bind(self._guest, *SHARED, REBOUND, REMOVED)
        for name in USER:
            self._guest.pci(name).bind(DRIVER)

    def _preserve_all(self) -> tuple[list[Pci], list[Session]]:
        """All of them, each in a session of its own."""
        functions = [self._guest.pci(name) for name in (*SHARED, REBOUND, REMOVED, *USER)]
        sessions = []
        for function in functions:
            session = self._guest.create_session(function.bdf)
            if function.driver == DRIVER:
                device = Vfio(function)
                device.start()
                session.preserve(device.file, 0)
                device.close()
            else:
                sample.preserve(session, function, 0)
            sessions.append(session)
        check.equal("outgoing", counts(self._guest.outgoing()), due(*functions))
        return functions, sessions

    def _everything(self) -> None:
        """Everything can be preserved, and be given back."""
        _, sessions = self._preserve_all()
        for session in sessions:
            session.close()
        self._nothing()

    def _preserved_memory(self) -> frozenset[handover.Page]:
        return handover.preserved(self._vm.ram, self._guest.kho_fdt())

    def _counter(self, name: str) -> int:
        found = re.search(rf"^{name}: (\d+)$", self._guest.text(_KCSAN), re.M)
        if not found:
            raise CheckFailed(f"KCSAN has no counter {name}")
        return int(found[1])

    # The next kernel

    def _live_update(self, rng: Random) -> None:
        """What was preserved arrives, and is finished while the others go on."""
        functions, _ = self._preserve_all()
        expected = due(*functions)
        new = self._vm.live_update()
        check.equal("incoming", counts(new.incoming()), expected)
        functions = [new.pci(function.bdf) for function in functions]
        for name, function in zip((*SHARED, REBOUND, REMOVED, *USER), functions, strict=True):
            function.bind(DRIVER if name in USER else sample.DRIVER)

        self._vm.step("all are finished in the middle of scans")
        cast = self._cast()
        threads_ = [
            script.start(new, name)
            for name, script in scripts(rng, cast).items()
            if script.actor in ("scan", "read", "trace", "reset")
        ]
        rng.shuffle(functions)
        for function in functions:
            session = new.retrieve_session(function.bdf)
            file = session.retrieve(0)
            if function.driver == DRIVER:
                Vfio(function, file).close()
            else:
                file.close()
            session.finish()
            session.close()
        self._stop(threads_, self.after)
        check.empty("incoming", new.incoming())
        self._quiet()
        self._everything()
