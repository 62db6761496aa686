# SPDX-License-Identifier: GPL-2.0
"""Some devices are never finished: they are logged when the last file is finished.

A file whose device has no driver cannot be retrieved, but its session can be finished. What
was handed over with it is freed.
"""

from errno import ENODEV

from vm import Guest, Machine, Pci, Vm, check, endpoint, handover, root_port, sample
from vm.liveupdate import counts, due

MACHINE = Machine(
    devices=[
        root_port("rp0", "4"),
        endpoint("taken", "rp0", addr="0.0", multifunction="on"),
        endpoint("left", "rp0", addr="0.1"),
        root_port("rp1", "5"),
        endpoint("alone", "rp1"),
    ],
    leaks=2,
)

# The sessions, and their tokens.
BOTH, ONE = "both", "one"
TAKEN, LEFT, ALONE = 1, 2, 3

WARNING = 4
HEADER = 8


def not_named(new: Guest, leftovers: dict[str, int]) -> list[str]:
    """The names without a warning."""
    log = "\n".join(new.log(WARNING))
    return [bdf for bdf in leftovers if f"{bdf}: not finished" not in log]


def like_any_other(function: Pci) -> None:
    """The device can be bound, removed and found again, and is not incoming."""
    guest = function.guest
    arrived = guest.stats()["arrived"]
    check.true(f"{function} is bound", sample.bind(guest, function.bdf)[0].driver)
    function.remove()
    guest.rescan()
    check.true(f"{function} is back", function.present)
    check.equal("functions that arrived", guest.stats()["arrived"], arrived)
    check.empty("incoming", guest.incoming())


def story(vm: Vm) -> None:
    old = vm.boot()
    taken, left, alone = sample.bind(old, "taken", "left", "alone")
    both, one = old.create_session(BOTH), old.create_session(ONE)
    sample.preserve(both, taken, TAKEN)
    sample.preserve(both, left, LEFT)
    sample.preserve(one, alone, ALONE)
    everything, leftovers = due(taken, left, alone), due(left, alone)
    check.equal("outgoing", counts(old.outgoing()), everything)

    handed: list[tuple[int, bytes]] = []
    luo = old.outgoing_luo()

    def look() -> None:
        array = handover.pci_array(vm.ram, luo)
        assert array
        handed.append((array.address, vm.ram.read(array.address, HEADER)))

    # With this the host can see that memory is freed.
    new = vm.live_update("init_on_free=1", at_jump=look)
    [(address, header)] = handed
    check.equal("incoming", counts(new.incoming()), everything)
    check.true("the memory is given back at once", vm.ram.read(address, HEADER) != header)

    vm.step("one device of the first session has a driver, and is finished with it")
    (taken,) = sample.bind(new, taken.bdf)
    session = new.retrieve_session(BOTH)
    session.retrieve(TAKEN).close()
    with check.refused(ENODEV):
        session.retrieve(LEFT)
    session.finish()
    check.equal("incoming", counts(new.incoming()), leftovers)
    check.equal("functions never finished", new.stats()["never_finished"], 0)

    vm.step("the last session ends: what is left is named")
    session = new.retrieve_session(ONE)
    with check.refused(ENODEV):
        session.retrieve(ALONE)
    session.finish()
    check.empty("incoming", new.incoming())
    check.empty("functions that no warning names", not_named(new, leftovers))
    check.equal("functions never finished", new.stats()["never_finished"], len(leftovers))

    vm.step("they are functions like any other")
    for bdf in (left.bdf, alone.bdf):
        like_any_other(new.pci(bdf))
    session = new.create_session(BOTH)
    again = sample.bind(new, left.bdf, alone.bdf)
    for token, function in enumerate(again):
        sample.preserve(session, function, token)
    check.equal("outgoing", counts(new.outgoing()), due(*again))
