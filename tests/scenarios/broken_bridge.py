# SPDX-License-Identifier: GPL-2.0
"""A bridge that lost its bus numbers is skipped while a device is live, and scanned afterwards.

A scan reaches it before the live path. It has lost its bus numbers altogether, or claims
those of the live path.
"""

from dataclasses import dataclass

from vm import Guest, Machine, Pci, Vm, check, endpoint, fabric, root_port, sample
from vm.pci import BUS_NUMBER_BYTES, BUS_NUMBERS

MACHINE = Machine(
    devices=[
        root_port("rp0", "3"),
        root_port("rp1", "4"),
        endpoint("ep0", "rp0"),
        endpoint("ep1", "rp1"),
    ],
)


@dataclass(frozen=True)
class Case:
    """What happens to the numbers of rp0."""

    reason: str
    stolen: bool


CASES = {
    "lost": Case("is invalid", stolen=False),
    "overlap": Case("of another bridge", stolen=True),
}


def left_alone(guest: Guest, bridge: Pci, reason: str) -> None:
    """The log names it, and the reason."""
    found = guest.said(f"{bridge.bdf}: not scanned", 3)
    check.true(f"{bridge} is left alone", found and all(reason in line for line in found))


def story(vm: Vm, case: Case) -> None:
    old = vm.boot()
    broken = old.pci("rp0")
    port, device = live = [old.pci("rp1"), old.pci("ep1")]
    sample.bind(old, device.bdf)
    session = old.create_session()
    sample.preserve(session, device, 1)
    path = fabric.Path(*live)
    numbers = port.bus_numbers if case.stolen else (0, 0, 0)

    vm.step(f"{broken} gets the bus numbers {tuple(numbers)}")
    mark = vm.trace.mark()
    for offset, number in enumerate(numbers):
        broken.write(BUS_NUMBERS + offset, 1, number)
    touched = vm.trace.mark()
    new = vm.live_update()
    # Before this, enumeration sizes its BARs and disables and enables decoding.
    booted = vm.trace.mark()

    broken, live = new.pci(broken.bdf), [new.pci(bdf) for bdf in path.bdfs]
    check.equal("incoming", set(new.incoming()), set(path.bdfs))
    left_alone(new, broken, case.reason)
    check.true(f"{broken} is there", broken.present)
    check.equal("functions below it", new.names(broken.path).count("pci_bus"), 0)
    new.rescan()
    numbered = vm.trace.writes(broken.bdf, BUS_NUMBER_BYTES, since=touched)
    check.empty("bus numbers written to it", list(map(str, numbered)))
    written = vm.trace.writes(broken.bdf, since=booted)
    check.empty("writes to it after boot", list(map(str, written)))
    path.undisturbed(vm.trace, mark)
    path.reads_the_same(live)

    vm.step("after the last finish, a scan gives it numbers")
    sample.bind(new, path.bdfs[-1])
    session = new.retrieve_session()
    session.retrieve(1).close()
    session.finish()
    new.rescan()
    found, taken = broken.bus_numbers, live[0].bus_numbers
    check.true(
        f"{tuple(found)} is beside {tuple(taken)}",
        0 < found.secondary <= found.subordinate
        and (found.subordinate < taken.secondary or taken.subordinate < found.secondary),
    )
    check.true("what is below it is found", new.pci("ep0").present)
    check.true("the device is still there", new.pci(path.bdfs[-1]).present)
