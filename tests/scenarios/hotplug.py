# SPDX-License-Identifier: GPL-2.0
"""The attention button of a slot with a preserved device is pressed, in both kernels.

The old kernel unpreserves the device and its path, and what is plugged in afterwards is
another device. In the new kernel, the entry of an incoming device that is removed stays until
the last file is finished.
"""

from errno import ENODEV

from vm import Guest, Machine, Pci, Vm, check, endpoint, handover, root_port, sample
from vm.liveupdate import counts, due

MACHINE = Machine(
    devices=[
        root_port("rp0", "4"),
        root_port("rp1", "5"),
        endpoint("pulled", "rp0"),
        endpoint("stays", "rp1"),
    ],
    leaks=2,
)

PULLED, STAYS = 1, 2


def swap(vm: Vm, guest: Guest, port: str, old: str, new: str) -> Pci:
    """Unplugs the device of a slot and plugs in another one."""
    place = guest.pci(old)
    vm.unplug(old)
    vm.wait_for(f"{place} to be gone", lambda: not place.present)
    vm.plug(endpoint(new, port))
    vm.wait_for(f"{place} to be back", lambda: place.present)
    return place


def story(vm: Vm) -> None:
    old = vm.boot()
    pulled, stays = sample.bind(old, "pulled", "stays")
    stale, session = old.create_session("stale"), old.create_session()
    sample.preserve(stale, pulled, PULLED)
    sample.preserve(session, stays, STAYS)
    both, only_stays = due(pulled, stays), due(stays)

    vm.step("an outgoing device is pulled, and another one plugged in")
    other = swap(vm, old, "rp0", "pulled", "other")
    check.equal("outgoing", counts(old.outgoing()), only_stays)
    check.equal("removed while preserved", old.stats()["removed_while_preserved"], 1)
    with check.refused(ENODEV):
        vm.jump()
    stale.close()
    check.equal("outgoing", counts(old.outgoing()), only_stays)

    vm.step("that one can be preserved as well")
    sample.bind(old, other.bdf)
    sample.preserve(session, other, PULLED)
    check.equal("outgoing", counts(old.outgoing()), both)
    handed: list[handover.PciArray | None] = []
    luo = old.outgoing_luo()
    new = vm.live_update(at_jump=lambda: handed.append(handover.pci_array(vm.ram, luo)))
    [array] = handed
    check.equal("handed over", array and array.counts, both)
    check.equal("incoming", counts(new.incoming()), both)

    vm.step("the new kernel finishes one, and the other is pulled: its entry waits")
    (stays,) = sample.bind(new, stays.bdf)
    session = new.retrieve_session()
    session.retrieve(STAYS).close()
    other = new.pci("other")
    vm.unplug("other")
    vm.wait_for(f"{other} to be gone", lambda: not other.present)
    check.equal("state", new.incoming()[other.bdf].state, "missing")
    check.equal("incoming", counts(new.incoming()), both)
    with check.refused(ENODEV):
        session.retrieve(PULLED)
    session.finish()
    check.empty("incoming", new.incoming())

    vm.step("what is plugged in after that is a device like any other")
    arrived = new.stats()["arrived"]
    vm.plug(endpoint("late", "rp0"))
    vm.wait_for(f"{other} to be back", lambda: other.present)
    check.true("it is bound", sample.bind(new, other.bdf)[0].driver)
    check.equal("functions that arrived", new.stats()["arrived"], arrived)
    check.empty("incoming", new.incoming())
