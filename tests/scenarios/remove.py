# SPDX-License-Identifier: GPL-2.0
"""Devices are removed through sysfs and found again, while outgoing and while incoming.

An outgoing one is unpreserved together with its path, and a device found at its place later is
another one. The entry of an incoming one is kept until the device is finished, or the last file
is.
"""

from errno import ENODEV

from vm import (
    Guest,
    Machine,
    Pci,
    Session,
    Vm,
    check,
    endpoint,
    handover,
    root_port,
    sample,
    switch,
)
from vm.liveupdate import counts, due

MACHINE = Machine(
    devices=[
        root_port("rp", "4"),
        switch("sw", "rp"),
        endpoint("first", "sw.0"),
        endpoint("second", "sw.1", addr="0.0", multifunction="on"),
        endpoint("third", "sw.1", addr="0.1"),
    ],
    leaks=2,
)

NAMES = ("first", "second", "third")
WARNING = 4


def preserve(old: Guest, name: str, session: str) -> Session:
    """Preserves a device in a session of its own. The token is its index in NAMES."""
    (device,) = sample.bind(old, name)
    created = old.create_session(session)
    sample.preserve(created, device, NAMES.index(name))
    return created


def outgoing(vm: Vm, old: Guest) -> None:
    """Leaves the first two preserved, in sessions of their names, and the third one removed."""
    first, second, third = sample.bind(old, *NAMES)
    stale = {name: preserve(old, name, f"stale-{name}") for name in NAMES}
    kept, behind_second = due(first, second), due(second, third)

    vm.step("an outgoing endpoint is removed: its path is given back, and the jump refused")
    first.remove()
    lines = old.said(f"{first.bdf}: removed while preserved", WARNING)
    check.equal("warnings that name it", len(lines), 1)
    check.equal("outgoing", counts(old.outgoing()), behind_second)
    with check.refused(ENODEV):
        vm.jump()

    vm.step("found again it is another device, in which the old session has no say")
    old.rescan()
    check.equal("outgoing", counts(old.outgoing()), behind_second)
    preserve(old, "first", "first")
    everything = due(first, second, third)
    check.equal("outgoing", counts(old.outgoing()), everything)
    stale["first"].close()
    check.equal("outgoing", counts(old.outgoing()), everything)

    vm.step("a bridge is removed, and with it the two endpoints below")
    only_first = due(first)
    old.pci("sw.1").remove()
    check.equal("outgoing", counts(old.outgoing()), only_first)
    check.equal("removed while preserved", old.stats()["removed_while_preserved"], len(NAMES))
    old.rescan()
    preserve(old, "second", "second")
    for name in ("second", "third"):
        stale[name].close()
    third.remove()
    check.equal("outgoing", counts(old.outgoing()), kept)


def reappear(function: Pci) -> None:
    """Removes a device and rescans."""
    function.remove()
    check.true(f"{function} is gone", not function.present)
    function.guest.rescan()
    check.true(f"{function} is back", function.present)


def story(vm: Vm) -> None:
    old = vm.boot()
    first, second, third = (old.pci(name) for name in NAMES)
    kept, only_second = due(first, second), due(second)
    outgoing(vm, old)

    handed: list[handover.PciArray | None] = []
    luo = old.outgoing_luo()
    new = vm.live_update(at_jump=lambda: handed.append(handover.pci_array(vm.ram, luo)))
    vm.step("the next kernel finds all three, and has heard of two")
    [array] = handed
    check.equal("handed over", array and array.counts, kept)
    check.equal("incoming", counts(new.incoming()), kept)
    first, second, third = (new.pci(item.bdf) for item in (first, second, third))
    check.true(f"{third} is there", third.present)

    vm.step("an incoming endpoint goes, is missing, and is incoming again when it is back")
    first.remove()
    check.equal("state", new.incoming()[first.bdf].state, "missing")
    check.equal("incoming", counts(new.incoming()), kept)
    before = new.stats()
    new.rescan()
    check.true("looked_up has grown", new.stats()["looked_up"] > before["looked_up"])
    check.equal("state", new.incoming()[first.bdf].state, "found")
    session = new.retrieve_session("first")
    sample.bind(new, first.bdf)
    session.retrieve(NAMES.index("first")).close()
    session.finish()
    check.equal("incoming", counts(new.incoming()), only_second)

    vm.step("finished, it comes back as a device like any other")
    arrived = new.stats()["arrived"]
    reappear(first)
    check.equal("functions that arrived", new.stats()["arrived"], arrived)
    check.equal("incoming", counts(new.incoming()), only_second)

    vm.step("an incoming endpoint goes after its file was retrieved: it is not finished")
    session = new.retrieve_session("second")
    sample.bind(new, second.bdf)
    session.retrieve(NAMES.index("second")).close()
    reappear(second)
    check.equal("functions that arrived", new.stats()["arrived"], arrived + 1)
    sample.bind(new, second.bdf)
    session.finish()
    check.empty("incoming", new.incoming())
    check.equal("functions never finished", new.stats()["never_finished"], len(only_second))
    reappear(second)
    check.equal("functions that arrived", new.stats()["arrived"], arrived + 1)
