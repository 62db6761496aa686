# SPDX-License-Identifier: GPL-2.0
"""A card is preserved and unpreserved, and keeps receiving.

Afterwards it is like any other device: kexec clears Bus Master.
"""

from demo.card import WITHOUT_DRIVER, Card
from demo.run import MACHINE as MACHINE
from demo.run import PATH
from demo.traffic import Traffic, sustainable
from vm import Vm, check

ENOUGH = 200
ROUNDS = 3


def story(vm: Vm) -> None:
    old = vm.boot()
    path = [old.pci(name) for name in PATH]
    card = Card.open(old, path[-1])

    with Traffic(vm, "cable", path[-1], sustainable(old.hello.uptime)) as traffic:
        for number in range(1, ROUNDS + 1):
            vm.step(f"round {number}: preserved, and called off")
            session = old.create_session()
            session.preserve(card.fd, number)
            check.equal("outgoing", set(old.outgoing()), {item.bdf for item in path})
            traffic.flow(ENOUGH)
            session.close()
            check.empty("outgoing", old.outgoing())
            traffic.flow(ENOUGH)
            traffic.note(card.take(traffic.stream))
        traffic.stop()
        traffic.note(card.take(traffic.stream))
        check.empty("what is wrong with the frames", traffic.problems())

    vm.step("the next kernel is told of nothing")
    new = vm.live_update(WITHOUT_DRIVER)
    check.empty("incoming", new.incoming())
    check.true("Bus Master of the card is off", not new.pci(path[-1].bdf).bus_master)
