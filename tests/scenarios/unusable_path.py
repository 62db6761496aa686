# SPDX-License-Identifier: GPL-2.0
"""A device is not preserved on a path whose bus numbers the next kernel would refuse.

Somebody has written to a bridge. This kernel still knows the bus below it, but the next
one only has what it reads. A bridge is judged when it gets its entry, not later.
"""

from collections.abc import Callable
from dataclasses import dataclass
from errno import EINVAL

from vm import Machine, Pci, Vm, check, endpoint, fabric, root_port, sample, switch
from vm.liveupdate import counts, due
from vm.pci import BUS_NUMBERS, BusNumbers

MACHINE = Machine(
    devices=[
        root_port("rp0", "3"),
        endpoint("ep0", "rp0"),
        root_port("rp1", "4"),
        switch("sw", "rp1", 2),
        endpoint("ep1", "sw.0", addr="0.0", multifunction="on"),
        endpoint("more", "sw.0", addr="0.1"),
    ],
)

ERROR = 3


@dataclass(frozen=True)
class Case:
    """Which bridge is damaged, what its numbers become, who is named, and why."""

    damaged: str
    numbers: Callable[[BusNumbers], BusNumbers]
    named: str
    reason: str


CASES = {
    # It says that it is on another bus.
    "primary": Case("sw.0", lambda was: was._replace(primary=0x7F), "sw.0", "is invalid"),
    # More than the upstream port has.
    "outside": Case("sw.0", lambda was: was._replace(subordinate=0x7F), "sw.0", "is not within"),
    # Those of the other downstream port: the device would be found under another name.
    "renumbered": Case(
        "sw.0",
        lambda was: was._replace(secondary=was.secondary + 1, subordinate=was.secondary + 1),
        "sw.0",
        "before",
    ),
    # Less than the downstream port below it has.
    "narrowed": Case("sw", lambda was: was._replace(subordinate=was.secondary), "sw.0", "within"),
    # Of two live bridges, the first one that is scanned would have them.
    "taken": Case("rp0", lambda was: was._replace(subordinate=0x20), "rp1", "of another bridge"),
}


def set_numbers(bridge: Pci, numbers: BusNumbers) -> None:
    """As setpci would."""
    for offset, number in enumerate(numbers):
        bridge.write(BUS_NUMBERS + offset, 1, number)
    check.equal(f"bus numbers of {bridge}", bridge.bus_numbers, numbers)


def refused(device: Pci, bridge: Pci, reason: str) -> None:
    """The log says so in one line, and why."""
    said = [line for line in device.guest.log(ERROR) if f"{device.bdf}: cannot be" in line]
    check.equal("lines about the device", len(said), 1)
    check.true(f"{said[0]!r} names {bridge}", bridge.bdf in said[0])
    check.true(f"{said[0]!r} has the reason", reason in said[0])


def story(vm: Vm, case: Case) -> None:
    old = vm.boot()
    device, more, beside = sample.bind(old, "ep1", "more", "ep0")
    damaged, named = old.pci(case.damaged), old.pci(case.named)
    session = old.create_session()
    was = damaged.bus_numbers

    vm.step(f"{damaged} gets other bus numbers, and a path that the next kernel refuses is refused")
    set_numbers(damaged, case.numbers(was))
    # A bridge beside it that is not live would have to yield.
    live = [beside] if case.damaged == "rp0" else []
    for function in live:
        sample.preserve(session, function, 0)
    with check.refused(EINVAL):
        sample.preserve(session, device, 1)
    refused(device, named, case.reason)
    check.equal("outgoing", counts(old.outgoing()), due(*live))

    vm.step("with its own numbers the path is as good as any")
    set_numbers(damaged, was)
    # The numbers of a bridge that has an entry count as they were when it got it.
    session.close()
    session = old.create_session()
    for function in live:
        sample.preserve(session, function, 0)
    sample.preserve(session, device, 1)
    check.equal("outgoing", counts(old.outgoing()), due(device, *live))

    vm.step("a bridge that is only counted again is not judged again")
    port = device.line[-2]
    numbers = port.bus_numbers
    set_numbers(port, numbers._replace(primary=0x7F))
    sample.preserve(session, more, 2)
    set_numbers(port, numbers)
    everything = due(device, more, *live)
    check.equal("outgoing", counts(old.outgoing()), everything)

    path = fabric.Path(*device.line)
    mark = vm.trace.mark()
    new = vm.live_update()
    check.equal("incoming", counts(new.incoming()), everything)
    path.reads_the_same(new.pci(bdf) for bdf in path.bdfs)
    path.undisturbed(vm.trace, mark)
