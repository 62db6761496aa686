# SPDX-License-Identifier: GPL-2.0
"""A preserved card receives during two updates in a row, from the first kernel to the third.

The second kernel takes over the ring and hands it on at the same address, since the card
cannot be given another one without losing frames.
"""

from errno import ENODEV

from demo.card import Card
from demo.ring import COMPATIBLE
from demo.run import MACHINE as MACHINE
from demo.run import PATH
from demo.traffic import Traffic, sustainable
from vm import Vm, check
from vm.fabric import masters_cleared

TOKEN = 1
ENOUGH = 200
JUMPS = 2


def story(vm: Vm) -> None:
    guest = vm.boot()
    path = [guest.pci(name) for name in PATH]
    card = Card.open(guest, path[-1])
    rate = sustainable(guest.hello.uptime)

    with Traffic(vm, "cable", path[-1], rate) as traffic:
        before = vm.trace.mark()
        for jump in range(1, JUMPS + 1):
            traffic.flow(ENOUGH)
            vm.step(f"jump {jump} of {JUMPS}: the file of the card is preserved")
            guest.create_session().preserve(card.fd, TOKEN)
            guest = vm.live_update()
            session = guest.retrieve_session()
            card = Card.retrieve(session, TOKEN)
            check.equal("the ring is full", card.statistics().full, 0)
            traffic.note(card.take(traffic.stream))
            session.finish()
            session.close()
            check.empty("incoming", guest.incoming())
        traffic.flow(ENOUGH)
        traffic.stop()
        traffic.note(card.take(traffic.stream))
        check.empty("what is wrong with the frames", traffic.problems())
        check.empty("writes that clear Bus Master", masters_cleared(vm.trace, path, before))
        check.equal("canaries around the ring, says the driver", card.statistics().canaries, 1)

    vm.step("the driver is unbound, and gives the ring back like one of its own")
    guest.pci("card").unbind()
    with check.refused(ENODEV):
        card.take(traffic.stream)
    check.true("nothing looks like a ring", not vm.ram.find(COMPATIBLE, align=1 << 22))
