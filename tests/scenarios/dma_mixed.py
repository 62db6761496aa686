# SPDX-License-Identifier: GPL-2.0
"""Of two cards behind different ports, one is preserved and continues; the other one stops.

In the new kernel a driver is bound to the other one and programs a new ring. The first one
continues to receive.
"""

from demo.card import Card
from demo.traffic import Traffic, sustainable
from vm import Machine, Vm, check, endpoint, root_port, switch
from vm.fabric import masters_cleared

MACHINE = Machine(
    devices=[
        root_port("rp", "4"),
        switch("sw", "rp", 1),
        endpoint("kept", "sw.0", "e1000e", netdev="first", mac="52:54:00:00:00:01"),
        root_port("rp1", "5"),
        endpoint("left", "rp1", "e1000e", netdev="second", mac="52:54:00:00:00:02"),
    ],
    cables=["first", "second"],
)

TOKEN = 1
ENOUGH = 200


def story(vm: Vm) -> None:
    old = vm.boot()
    path = [old.pci(name) for name in ("rp", "sw", "sw.0", "kept")]
    left = old.pci("left")
    card = Card.open(old, path[-1])
    rate = sustainable(old.hello.uptime) // 2

    with (
        Traffic(vm, "first", path[-1], rate) as kept_traffic,
        Traffic(vm, "second", left, rate) as left_traffic,
    ):
        kept_traffic.flow(ENOUGH)
        left_traffic.flow(ENOUGH)
        vm.step("the first card is preserved, the second one is not")
        old.create_session().preserve(card.fd, TOKEN)
        check.equal("outgoing", set(old.outgoing()), {item.bdf for item in path})
        before = vm.trace.mark()
        new = vm.live_update()

        vm.step("the first card has received all the time, the second one has stopped")
        check.empty("writes that clear Bus Master", masters_cleared(vm.trace, path, before))
        check.true("the other card lost Bus Master", masters_cleared(vm.trace, [left], before))
        missing = left_traffic.sender.sent - left_traffic.received
        check.true(f"the other card lost frames ({missing})", missing > 0)
        session = new.retrieve_session()
        card = Card.retrieve(session, TOKEN)
        kept_traffic.note(card.take(kept_traffic.stream))

        vm.step("the second card starts anew in the hands of its driver")
        check.true("the other card has its driver", new.pci(left.bdf).driver)
        check.equal("it runs", Card.open(new, new.pci(left.bdf)).statistics().running, 1)
        session.finish()
        kept_traffic.flow(ENOUGH)
        kept_traffic.stop()
        kept_traffic.note(card.take(kept_traffic.stream))
        check.empty("what is wrong with the frames", kept_traffic.problems())
        check.true("canaries around the ring live", kept_traffic.ring.canaries_alive())
