# SPDX-License-Identifier: GPL-2.0
"""Scans that would assign all bus numbers again keep them while a device is live.

Both kernels use pci=assign-busses, the second one with other parameters than the first one.
Once no device is live, a scan assigns numbers as usual.
"""

from vm import Guest, Machine, Vm, check, endpoint, fabric, root_port, sample, switch
from vm.pci import BUS_NUMBER_BYTES

MACHINE = Machine(
    devices=[
        root_port("rp0", "4"),
        root_port("rp1", "5"),
        switch("sw", "rp1"),
        endpoint("ep0", "sw.1"),
    ],
    arguments="pci=assign-busses",
)

BRIDGES = ["rp0", "rp1", "sw", "sw.0", "sw.1"]
LIVE = ["rp1", "sw", "sw.1", "ep0"]


def scan_everything(guest: Guest, bus: str) -> None:
    """Rescans from the root, and from a bus in the middle."""
    guest.rescan()
    guest.write(f"/sys/class/pci_bus/{bus}/rescan", "1")


def story(vm: Vm) -> None:
    old = vm.boot()
    bridges = [old.pci(name).bdf for name in BRIDGES]
    live = [old.pci(name).bdf for name in LIVE]
    # The bus of the live endpoint.
    bus = live[-1].rsplit(":", 1)[0]

    def writes(since: object) -> list[str]:
        return [
            str(write)
            for bdf in bridges
            for write in vm.trace.writes(bdf, BUS_NUMBER_BYTES, since=since)  # type: ignore[arg-type]
        ]

    vm.step("with nothing preserved, a scan assigns numbers")
    mark = vm.trace.mark()
    old.rescan()
    check.true("bus numbers were written", writes(mark))

    vm.step("with a device preserved, no scan does")
    sample.bind(old, live[-1])
    session = old.create_session()
    sample.preserve(session, old.pci(live[-1]), 1)
    path = fabric.Path(*(old.pci(bdf) for bdf in live))
    mark = vm.trace.mark()
    scan_everything(old, bus)
    check.empty("bus numbers written in the old kernel", writes(mark))

    new = vm.live_update("pci=assign-busses,hpbussize=3")
    check.equal("incoming", set(new.incoming()), set(live))
    scan_everything(new, bus)
    check.empty("bus numbers written on the way and in the new kernel", writes(mark))
    path.undisturbed(vm.trace, mark)
    path.reads_the_same(new.pci(bdf) for bdf in live)
    for bdf in bridges:
        check.true(f"{bdf} is where it was", new.pci(bdf).present)

    vm.step("after the last finish, a scan assigns numbers again")
    sample.bind(new, live[-1])
    session = new.retrieve_session()
    session.retrieve(1).close()
    session.finish()
    mark = vm.trace.mark()
    new.rescan()
    check.true("bus numbers were written", writes(mark))
