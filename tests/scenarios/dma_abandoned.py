# SPDX-License-Identifier: GPL-2.0
"""A preserved card whose file is not retrieved, or whose driver is unbound, is stopped.

In the new kernel the session is finished without retrieving the file: the card must be
stopped before its ring is freed. In the old kernel the driver is unbound: the ring is no longer
preserved, so kexec is refused. In both cases the card works when it is bound again.
"""

from errno import ENODEV

from demo.card import DRIVER, Card
from demo.ring import KernelRing
from demo.run import MACHINE as MACHINE
from demo.run import PATH
from demo.traffic import Traffic, sustainable
from vm import Guest, Vm, check, handover
from vm.fabric import masters_cleared

TOKEN = 1
ENOUGH = 200
# Four MiB
RING_ORDER = 10


def works(vm: Vm, guest: Guest) -> None:
    """The card receives again after its reset."""
    function = guest.pci("card")
    card = Card.open(guest, function)
    with Traffic(vm, "cable", function, sustainable(guest.hello.uptime)) as traffic:
        traffic.flow(ENOUGH)
        traffic.stop()
        traffic.note(card.take(traffic.stream))
        check.empty("what is wrong with the frames", traffic.problems())
    check.equal("canaries around the ring", card.statistics().canaries, 1)
    card.fd.close()


def not_retrieved(vm: Vm, old: Guest) -> None:
    """The new kernel discards the file of the card."""
    with Traffic(vm, "cable", old.pci("card"), sustainable(old.hello.uptime)) as traffic:
        traffic.flow(ENOUGH)
        new = vm.live_update()
        traffic.flow(ENOUGH)
        vm.step("the session is finished, and its file was not retrieved")
        card = new.pci("card")
        before = vm.trace.mark()
        new.retrieve_session().finish()
        check.true("the card lost Bus Master", masters_cleared(vm.trace, [card], before))
        check.true("it stays off", not card.bus_master)
        traffic.sender.stop()
        check.empty("incoming", new.incoming())
        vm.step("the driver is bound again")
        card.unbind()
        new.write(f"/sys/bus/pci/drivers/{DRIVER}/bind", card.bdf)
    works(vm, new)


def unbound(vm: Vm, old: Guest) -> None:
    """The old kernel frees the ring before kexec."""
    function = old.pci("card")
    ring = handover.Page(KernelRing.of(vm.ram, function.bdf).address, RING_ORDER)
    check.contains("preserved memory", handover.preserved(vm.ram, old.kho_fdt()), ring)
    vm.step("the driver is unbound, and the jump is refused")
    function.unbind()
    kept = ring in handover.preserved(vm.ram, old.kho_fdt())
    check.true("the ring is preserved no longer", not kept)
    with check.refused(ENODEV):
        vm.live_update()
    vm.step("the driver is bound again")
    old.write(f"/sys/bus/pci/drivers/{DRIVER}/bind", function.bdf)
    works(vm, old)


CASES = {"not-retrieved": not_retrieved, "unbound": unbound}


def story(vm: Vm, case: object) -> None:
    old = vm.boot()
    path = [old.pci(name) for name in PATH]
    card = Card.open(old, path[-1])
    old.create_session().preserve(card.fd, TOKEN)
    card.fd.close()
    assert callable(case)
    case(vm, old)
