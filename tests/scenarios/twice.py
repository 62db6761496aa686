# SPDX-License-Identifier: GPL-2.0
"""After a finished live update, kexec without preserved devices hands over nothing.

The next kernel finds no incoming device, and Bus Master of the device is cleared as during any
kexec.
"""

from vm import Guest, Machine, Vm, check, endpoint, handover, root_port, sample
from vm.fabric import masters_cleared
from vm.liveupdate import counts, due

MACHINE = Machine(devices=[root_port("rp0", "4"), endpoint("ep0", "rp0")], leaks=3)

TOKEN = 1
WARNING = 4


def nothing_left(guest: Guest) -> None:
    """The kernel does not know of any earlier live update."""
    check.empty("incoming", guest.incoming())
    check.empty("outgoing", guest.outgoing())
    check.equal("functions that arrived", guest.stats()["arrived"], 0)
    worrying = guest.said("pci_liveupdate", WARNING)
    check.empty("warnings of the core", worrying)


def story(vm: Vm) -> None:
    old = vm.boot()
    (device,) = sample.bind(old, "ep0")
    sample.preserve(old.create_session(), device, TOKEN)
    told = due(device)

    new = vm.live_update()
    check.equal("incoming", counts(new.incoming()), told)
    (device,) = sample.bind(new, device.bdf)
    session = new.retrieve_session()
    session.retrieve(TOKEN).close()
    session.finish()
    session.close()
    check.empty("incoming", new.incoming())

    vm.step("the device works on, and nobody preserves it any more")
    check.true("Bus Master of the device is on", device.bus_master)
    left: list[handover.Flb] = []
    luo = new.outgoing_luo()
    before = vm.trace.mark()
    third = vm.jump(at_jump=lambda: left.extend(handover.flbs(vm.ram, luo)))
    check.empty("what is handed over", left)
    check.true("the device lost Bus Master", masters_cleared(vm.trace, [device], before))
    check.true("Bus Master of the device is off", not third.pci(device.bdf).bus_master)
    nothing_left(third)
    check.true("the device is free to bind", sample.bind(third, device.bdf)[0].driver)
