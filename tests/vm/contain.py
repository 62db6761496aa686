# SPDX-License-Identifier: GPL-2.0
"""Checks for `pci_liveupdate=contain`, from registers and from the config trace."""

from . import check
from .guest import Guest
from .pci import BUS_NUMBER_BYTES, COMMAND, COMMAND_MASTER, Pci
from .trace import Mark
from .vm import Vm


def functions(guest: Guest) -> list[Pci]:
    """All functions that a kernel knows."""
    return [guest.pci(bdf) for bdf in sorted(guest.names("/sys/bus/pci/devices"))]


def contained(vm: Vm, guest: Guest, jump: Mark) -> None:
    """No function of this kernel, which began at `jump`, was bus master before it had a driver."""
    for function in functions(guest):
        first = next(vm.trace.writes(function.bdf, since=jump), None)
        check.true(f"the kernel wrote to {function}", first)
        assert first
        check.true(
            f"the first write to {function} clears Bus Master: {first}",
            first.offset == COMMAND and not first.value & COMMAND_MASTER,
        )
        if function.driver is None:
            check.true(f"Bus Master of {function} is off", not function.bus_master)
        if function.is_bridge:
            numbers = vm.trace.writes(function.bdf, BUS_NUMBER_BYTES, since=jump)
            check.empty(f"writes of the bus numbers of {function}", list(map(str, numbers)))
