# SPDX-License-Identifier: GPL-2.0
"""Endpoints behind two levels of switches share bridges; one of them is unpreserved.

A bridge counts the preserved devices below it, and is handed over as long as there is one. In
the new kernel it stays incoming until the last one is finished.
"""

from vm import Machine, Vm, check, endpoint, handover, root_port, sample, switch
from vm.fabric import masters_cleared
from vm.liveupdate import counts, due

MACHINE = Machine(
    devices=[
        root_port("rp", "4"),
        switch("outer", "rp"),
        switch("inner", "outer.0"),
        endpoint("near", "outer.1"),
        endpoint("far", "inner.0"),
        endpoint("cancelled", "inner.1"),
    ],
    leaks=2,
)

NAMES = ("near", "far", "cancelled")
BRIDGES = ("rp", "outer", "outer.0", "outer.1", "inner", "inner.0", "inner.1")


def story(vm: Vm) -> None:
    old = vm.boot()
    near, far, cancelled = devices = sample.bind(old, *NAMES)
    numbers = {old.pci(name).bdf: old.pci(name).bus_numbers for name in BRIDGES}
    sessions = {name: old.create_session(name) for name in NAMES}

    vm.step("three endpoints are preserved: each bridge counts what is below it")
    for n, (name, device) in enumerate(zip(NAMES, devices, strict=True), start=1):
        sample.preserve(sessions[name], device, n)
        check.equal("outgoing", counts(old.outgoing()), due(*devices[:n]))
    check.equal("count of the root port", old.outgoing()[old.pci("rp").bdf].count, 3)

    vm.step("one of them is given back, with the bridge that only it needed")
    sessions["cancelled"].close()
    left, given_up = due(near, far), [cancelled, old.pci("inner.1")]
    check.equal("outgoing", counts(old.outgoing()), left)

    handed: list[handover.PciArray | None] = []
    luo = old.outgoing_luo()
    before = vm.trace.mark()
    new = vm.live_update(at_jump=lambda: handed.append(handover.pci_array(vm.ram, luo)))

    vm.step("what is left was handed over, and has been left alone")
    [array] = handed
    check.equal("handed over", array and array.counts, left)
    check.equal("incoming", counts(new.incoming()), left)
    kept = [new.pci(bdf) for bdf in left]
    check.empty("functions without Bus Master", [item for item in kept if not item.bus_master])
    check.empty("writes that clear Bus Master", masters_cleared(vm.trace, kept, before))
    found = {bdf: new.pci(bdf).bus_numbers for bdf in numbers}
    check.equal("bus numbers", found, numbers)
    for item in given_up:
        check.true(f"{item} lost Bus Master", masters_cleared(vm.trace, [item], before))

    vm.step("they are finished one after the other: the shared bridges stay for the last")
    near, far = sample.bind(new, near.bdf, far.bdf)
    for token, (name, rest) in enumerate((("near", due(far)), ("far", {})), start=1):
        session = new.retrieve_session(name)
        session.retrieve(token).close()
        session.finish()
        check.equal("incoming", counts(new.incoming()), rest)
        session.close()
    check.empty("functions without Bus Master", [item for item in kept if not item.bus_master])
