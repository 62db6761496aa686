# SPDX-License-Identifier: GPL-2.0
"""A device is preserved again before the previous update is finished.

It is incoming and outgoing then, and both are independent: when it is unpreserved, when it is
finished, and when it is removed.
"""

from vm import Machine, Vm, check, endpoint, handover, root_port, sample, switch
from vm.fabric import masters_cleared
from vm.liveupdate import counts, due

MACHINE = Machine(
    devices=[
        root_port("rp", "4"),
        switch("sw", "rp"),
        endpoint("kept", "sw.0"),
        endpoint("removed", "sw.1"),
    ],
    leaks=3,
)

KEPT, REMOVED = 1, 2


def story(vm: Vm) -> None:
    old = vm.boot()
    kept, removed = sample.bind(old, "kept", "removed")
    session = old.create_session()
    sample.preserve(session, kept, KEPT)
    sample.preserve(session, removed, REMOVED)
    both, only_kept, only_removed = due(kept, removed), due(kept), due(removed)
    before = vm.trace.mark()
    middle = vm.live_update()

    vm.step("both are taken over, and one is preserved for the kernel after this one")
    kept, removed = sample.bind(middle, kept.bdf, removed.bdf)
    incoming = middle.retrieve_session()
    for token in (KEPT, REMOVED):
        incoming.retrieve(token).close()
    again = middle.create_session("again")
    sample.preserve(again, kept, KEPT)
    check.equal("outgoing", counts(middle.outgoing()), only_kept)
    check.equal("incoming", counts(middle.incoming()), both)

    vm.step("that is called off: they are incoming as before")
    again.close()
    check.empty("outgoing", middle.outgoing())
    check.equal("incoming", counts(middle.incoming()), both)

    vm.step("both are preserved, and one is removed: it is not outgoing, its entry waits")
    again, gone = middle.create_session("again"), middle.create_session("gone")
    sample.preserve(again, kept, KEPT)
    sample.preserve(gone, removed, REMOVED)
    check.equal("outgoing", counts(middle.outgoing()), both)
    removed.remove()
    check.equal("outgoing", counts(middle.outgoing()), only_kept)
    check.equal("incoming", counts(middle.incoming()), both)
    check.equal("state", middle.incoming()[removed.bdf].state, "missing")
    gone.close()
    middle.rescan()
    check.equal("outgoing", counts(middle.outgoing()), only_kept)
    check.equal("state", middle.incoming()[removed.bdf].state, "found")

    vm.step("the first update is finished: what is outgoing stays")
    sample.bind(middle, removed.bdf)
    incoming.finish()
    check.empty("incoming", middle.incoming())
    check.equal("never finished", middle.stats()["never_finished"], len(only_removed.keys() & both))
    check.equal("outgoing", counts(middle.outgoing()), only_kept)

    handed: list[handover.PciArray | None] = []
    luo = middle.outgoing_luo()
    new = vm.live_update(at_jump=lambda: handed.append(handover.pci_array(vm.ram, luo)))

    vm.step("the last kernel has heard of one device, whose path had Bus Master all the way")
    [array] = handed
    check.equal("handed over", array and array.counts, only_kept)
    check.equal("incoming", counts(new.incoming()), only_kept)
    path = [new.pci(bdf) for bdf in only_kept]
    check.empty("functions without Bus Master", [item for item in path if not item.bus_master])
    check.empty("writes that clear Bus Master", masters_cleared(vm.trace, path, before))
    sample.bind(new, kept.bdf)
    session = new.retrieve_session("again")
    session.retrieve(KEPT).close()
    session.finish()
    check.empty("incoming", new.incoming())
