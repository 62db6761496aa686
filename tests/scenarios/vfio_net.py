# SPDX-License-Identifier: GPL-2.0
"""User space keeps a network card of vfio-pci over kexec, and it receives all the time.

The file of the card and the memory with its ring are in one session. The card is neither reset
nor started again: user space of the new kernel reads on in the ring where the old one stopped. If
the card is not preserved, it stops.
"""

from demo.card import WITHOUT_DRIVER
from demo.run import MACHINE as DEMO
from demo.run import PATH
from demo.traffic import Traffic, stopped, sustainable
from demo.vfio_card import VfioCard, VfioRing
from vm import Guest, Machine, Pci, Vm, check
from vm.fabric import masters_cleared
from vm.vfio import DRIVER, NO_IOMMU

MACHINE = Machine(
    devices=DEMO.devices,
    cables=DEMO.cables,
    # The sample driver would bind the card.
    arguments=f"{NO_IOMMU} {WITHOUT_DRIVER}",
)
CASES = {"preserved": True, "not-preserved": False}

CARD, MEMORY = 1, 2
ENOUGH = 2000


def taken_over(vm: Vm, new: Guest, path: list[Pci], traffic: Traffic) -> None:
    """In the new kernel, with a card that was preserved."""
    check.true("Bus Master of all the path is on", all(item.bus_master for item in path))
    check.empty("frames outside of the ring", traffic.ring.strays(traffic.stream))

    vm.step("the file and the memory are retrieved, and user space reads on")
    path[-1].bind(DRIVER)
    session = new.retrieve_session()
    card = VfioCard.retrieve(path[-1], session, CARD, MEMORY)
    found = card.statistics()
    check.equal("the ring is full", found.full, 0)
    check.true("there was room in the ring all the time", found.waiting < found.capacity)
    traffic.note(card.take(traffic.stream))

    vm.step("the session is finished, and the card goes on")
    session.finish()
    check.empty("incoming", new.incoming())
    traffic.flow(ENOUGH)
    traffic.stop()
    traffic.note(card.take(traffic.stream))
    check.empty("what is wrong with the frames", traffic.problems())
    check.true("the table of addresses is intact", traffic.ring.canaries_alive())
    vm.step(f"{traffic.received} frames were sent, and none was lost")
    card.stop()
    card.device.close()


def story(vm: Vm, preserve: bool) -> None:
    old = vm.boot()
    path = [old.pci(name) for name in PATH]
    card = VfioCard.start(path[-1])
    session = old.create_session()

    vm.step("frames are sent, and the card receives them")
    rate = sustainable(old.hello.uptime)
    with Traffic(vm, "cable", path[-1], rate, VfioRing(vm.ram)) as traffic:
        traffic.flow(ENOUGH)
        check.equal("frames lost before the jump", traffic.missing, 0)
        traffic.note(card.take(traffic.stream))
        if preserve:
            vm.step("the file and the memory of the card are preserved")
            card.preserve(session, CARD, MEMORY)
        else:
            session.preserve(card.memory, MEMORY)
        before = vm.trace.mark()
        new = vm.live_update()
        vm.step(f"the longest gap between two frames was {1000 * traffic.longest_gap:.0f} ms")
        path = [new.pci(item.bdf) for item in path]
        cleared = masters_cleared(vm.trace, path, before)
        if preserve:
            check.empty("writes that clear Bus Master on the path", cleared)
            taken_over(vm, new, path, traffic)
        else:
            check.true("the card lost its Bus Master bit", cleared)
            stopped(vm, path[-1], traffic, ENOUGH)
