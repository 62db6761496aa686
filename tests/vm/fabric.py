# SPDX-License-Identifier: GPL-2.0
"""What must not change on the path from a live device to memory, and who wrote to it."""

from collections.abc import Iterable
from typing import NamedTuple

from . import check
from .errors import Failure
from .pci import (
    ACS_CTRL,
    BUS_NUMBER_BYTES,
    CAP_EXP,
    COMMAND,
    COMMAND_MASTER,
    EXP_DEVCTL2,
    EXP_DEVCTL2_ARI,
    EXP_SLTCTL,
    EXP_SLTCTL_INDICATOR_OFF,
    EXP_SLTCTL_INDICATOR_ON,
    EXP_SLTCTL_POWER_OFF,
    EXT_CAP_ACS,
    BusNumbers,
    Pci,
)
from .trace import ConfigTrace, Mark, Write


class Routing(NamedTuple):
    """The registers of one function that decide about its transactions and those from below."""

    bus_master: bool
    numbers: BusNumbers | None
    acs: int | None
    ari: bool


def acs_control(function: Pci) -> int | None:
    """The offset of the ACS control bits."""
    try:
        return function.extended(EXT_CAP_ACS) + ACS_CTRL
    except Failure:
        return None


def ari_control(function: Pci) -> int | None:
    """The offset of the register with the ARI Forwarding bit."""
    try:
        return function.capability(CAP_EXP) + EXP_DEVCTL2
    except Failure:
        return None


def routing(function: Pci) -> Routing:
    """The current values of the registers."""
    acs, ari = acs_control(function), ari_control(function)
    return Routing(
        function.bus_master,
        function.bus_numbers if function.is_bridge else None,
        function.read(acs, 2) if acs else None,
        bool(ari and function.read(ari, 2) & EXP_DEVCTL2_ARI),
    )


def power(port: Pci, on: bool) -> None:
    """Gives power to the slot of a port, or takes it, which removes its device from the machine."""
    register = port.capability(CAP_EXP) + EXP_SLTCTL
    indicators = EXP_SLTCTL_INDICATOR_ON | EXP_SLTCTL_INDICATOR_OFF
    value = port.read(register, 2) & ~(indicators | EXP_SLTCTL_POWER_OFF)
    off = EXP_SLTCTL_INDICATOR_OFF | EXP_SLTCTL_POWER_OFF
    port.write(register, 2, value | (EXP_SLTCTL_INDICATOR_ON if on else off))


class Path:
    """Functions that depend on each other, and their registers when they were recorded."""

    def __init__(self, *functions: Pci) -> None:
        self.bdfs = [function.bdf for function in functions]
        self._before = {function.bdf: routing(function) for function in functions}
        self._acs = {function.bdf: acs_control(function) for function in functions}
        self._ari = {function.bdf: ari_control(function) for function in functions}
        self._bridges = {function.bdf for function in functions if function.is_bridge}

    def reads_the_same(self, functions: Iterable[Pci]) -> None:
        """Every routing register has the recorded value."""
        found = {function.bdf: routing(function) for function in functions}
        check.equal("routing", found, self._before)

    def _disturbs(self, bdf: str, write: Write) -> bool:
        before = self._before[bdf]
        if write.offset == COMMAND:
            return before.bus_master and not write.value & COMMAND_MASTER
        if write.offset in BUS_NUMBER_BYTES:
            return bdf in self._bridges
        if write.offset == self._acs[bdf]:
            return write.value != before.acs
        if write.offset == self._ari[bdf]:
            return bool(write.value & EXP_DEVCTL2_ARI) != before.ari
        return False

    def undisturbed(self, trace: ConfigTrace, since: Mark, until: Mark | None = None) -> None:
        """No write to a routing register changed it, not even temporarily."""
        bad = [
            str(write)
            for bdf in self.bdfs
            for write in trace.writes(bdf, since=since, until=until)
            if self._disturbs(bdf, write)
        ]
        check.empty("writes that disturb the path", bad)


def masters_cleared(trace: ConfigTrace, path: Iterable[Pci], since: Mark) -> list[str]:
    """The writes that cleared Bus Master of a function, even temporarily."""
    return [
        str(write)
        for function in path
        for write in trace.writes(function.bdf, COMMAND, since=since)
        if not write.value & COMMAND_MASTER
    ]
