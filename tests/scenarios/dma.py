# SPDX-License-Identifier: GPL-2.0
"""A network card behind a switch receives during kexec, and no frame is lost.

The frames are numbered and have a checksum. The host reads them in guest memory while no
kernel is running; user space of the new kernel reads them from the preserved file. If the card
is not preserved, it stops.
"""

from demo.card import WITHOUT_DRIVER, Card
from demo.run import MACHINE as MACHINE
from demo.run import PATH
from demo.traffic import Traffic, stopped, sustainable
from vm import Guest, Pci, Vm, check
from vm.fabric import masters_cleared

CASES = {"preserved": True, "not-preserved": False}

TOKEN = 1
ENOUGH = 200


def taken_over(vm: Vm, new: Guest, path: list[Pci], traffic: Traffic) -> None:
    """In the new kernel, with a card that was preserved."""
    check.true("Bus Master of all the path is on", all(item.bus_master for item in path))
    vm.step("no frame is anywhere in memory but in the ring")
    check.empty("frames outside of the ring", traffic.ring.strays(traffic.stream))

    vm.step("the driver of the new kernel takes the ring over, and user space reads on")
    session = new.retrieve_session()
    card = Card.retrieve(session, TOKEN)
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
    check.equal("canaries around the ring, says the driver", card.statistics().canaries, 1)
    check.true("canaries around the ring live, says the host", traffic.ring.canaries_alive())
    card.fd.close()


def story(vm: Vm, preserve: bool) -> None:
    old = vm.boot()
    path = [old.pci(name) for name in PATH]
    card = Card.open(old, path[-1])

    vm.step("frames are sent, and the card receives them")
    with Traffic(vm, "cable", path[-1], sustainable(old.hello.uptime)) as traffic:
        traffic.flow(ENOUGH)
        check.equal("frames lost before the jump", traffic.missing, 0)
        if preserve:
            vm.step("the file of the card is preserved")
            old.create_session().preserve(card.fd, TOKEN)
        before = vm.trace.mark()
        new = vm.live_update("" if preserve else WITHOUT_DRIVER)
        path = [new.pci(item.bdf) for item in path]
        cleared = masters_cleared(vm.trace, path, before)
        if preserve:
            check.empty("writes that clear Bus Master on the path", cleared)
            taken_over(vm, new, path, traffic)
        else:
            check.true("the card lost its Bus Master bit", cleared)
            stopped(vm, path[-1], traffic, ENOUGH)
