# SPDX-License-Identifier: GPL-2.0
"""An incoming device with a pending interrupt does not disable the line of its neighbour.

Two functions share an interrupt line. One is handed over with its interrupt asserted and
disabled, as a driver that uses MSI leaves it. In the new kernel it is enabled, first without
a driver and then by the driver that takes it over: Interrupt Disable stays set, and the
serial port on the same line works. After finish it is enabled like any device.
"""

from vm import Fd, Guest, Machine, Pci, Vm, check, endpoint, sample
from vm.pci import COMMAND, COMMAND_INTX_DISABLE, STATUS, STATUS_INTERRUPT
from vm.trace import Mark

MACHINE = Machine(
    devices=[
        endpoint("live", "pcie.0", addr="5.0", multifunction="on"),
        endpoint("neighbour", "pcie.0", "pci-serial", addr="5.1", chardev="nowhere"),
    ],
    qemu=["-chardev", "null,id=nowhere"],
)

# Registers of the edu device: writing bits to one raises its interrupt, to the other clears it.
RAISE, END = 0x60, 0x64
SERIAL = "/dev/ttyS2"


def registers(function: Pci) -> Fd:
    """BAR 0."""
    return function.guest.open(f"{function.path}/resource0")


def interrupts(guest: Guest, function: Pci) -> int:
    """The number of interrupts on the line of a function."""
    line = function.attribute("irq")
    rows = [row.split() for row in guest.text("/proc/interrupts").splitlines()]
    return sum(int(row[1]) for row in rows if row[0] == f"{line}:")


def asserted(function: Pci) -> bool:
    """Whether its interrupt is asserted, disabled or not."""
    return bool(function.read(STATUS, 2) & STATUS_INTERRUPT)


def disabled(function: Pci) -> bool:
    """Whether its interrupt is disabled."""
    return bool(function.command & COMMAND_INTX_DISABLE)


def works(vm: Vm, neighbour: Pci) -> None:
    """The open serial port raises an interrupt when its FIFO is empty."""
    guest = neighbour.guest
    before = interrupts(guest, neighbour)
    guest.write(SERIAL, "x")
    vm.wait_for("its interrupt", lambda: interrupts(guest, neighbour) > before)


def enabled(vm: Vm, function: Pci, since: Mark) -> list[str]:
    """The writes that enable its interrupt."""
    writes = vm.trace.writes(function.bdf, COMMAND, since=since)
    return [str(write) for write in writes if not write.value & COMMAND_INTX_DISABLE]


def story(vm: Vm) -> None:
    old = vm.boot()
    (live,), neighbour = sample.bind(old, "live"), old.pci("neighbour")
    check.equal("the line", live.attribute("irq"), neighbour.attribute("irq"))
    check.equal("driver of the serial port", neighbour.driver, "serial")
    old.open(SERIAL)
    works(vm, neighbour)
    session = old.create_session()
    sample.preserve(session, live, 1)

    vm.step("it wants to interrupt, and is kept from it")
    live.write(COMMAND, 2, live.command | COMMAND_INTX_DISABLE)
    registers(live).store(RAISE, 1)
    check.true("its interrupt is asserted", asserted(live))
    works(vm, neighbour)

    mark = vm.trace.mark()
    new = vm.live_update()
    live, neighbour = new.pci(live.bdf), new.pci(neighbour.bdf)
    new.open(SERIAL)
    check.true("its interrupt is asserted", asserted(live))
    check.equal("writes that let it interrupt", enabled(vm, live, mark), [])

    vm.step("enabled while it has no driver, it stays silent")
    live.set_attribute("enable", "1")
    check.true("it is disabled", disabled(live))
    works(vm, neighbour)
    live.set_attribute("enable", "0")

    vm.step("and for a driver that takes it over, until that one wants it")
    sample.bind(new, live.bdf)
    check.true("it is disabled", disabled(live))
    check.equal("writes that let it interrupt", enabled(vm, live, mark), [])
    works(vm, neighbour)

    vm.step("finished, it is enabled like any other")
    session = new.retrieve_session()
    session.retrieve(1).close()
    session.finish()
    registers(live).store(END, 1)
    check.true("its interrupt is over", not asserted(live))
    live.unbind()
    while live.attribute("enable") != "0":
        live.set_attribute("enable", "0")
    live.set_attribute("enable", "1")
    check.true("it is not disabled", not disabled(live))
    works(vm, neighbour)
