# SPDX-License-Identifier: GPL-2.0
"""A PCI function as a guest sees it: its config space and its driver, through sysfs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from .errors import Failure

if TYPE_CHECKING:
    from .guest import Guest

COMMAND = 0x04
COMMAND_MASTER = 0x0004
COMMAND_INTX_DISABLE = 0x0400
STATUS = 0x06
STATUS_INTERRUPT = 0x0008
HEADER_TYPE = 0x0E
HEADER_TYPE_MASK = 0x7F
HEADER_TYPE_BRIDGE = 1
BUS_NUMBERS = 0x18
# One byte each: primary, secondary, subordinate.
BUS_NUMBER_BYTES = range(BUS_NUMBERS, BUS_NUMBERS + 3)
CAPABILITIES = 0x34
BRIDGE_CONTROL = 0x3E
BRIDGE_CONTROL_RESET = 0x40
EXTENDED = 0x100

# Capabilities, named as in the kernel without PCI_CAP_ID_ and PCI_EXT_CAP_ID_.
CAP_PM = 0x01
CAP_MSI = 0x05
CAP_EXP = 0x10
CAP_MSIX = 0x11
EXT_CAP_AER = 0x01
EXT_CAP_ACS = 0x0D
EXT_CAP_ARI = 0x0E
EXT_CAP_SRIOV = 0x10

EXP_LNKCTL = 0x10
EXP_SLTCTL = 0x18
EXP_SLTCTL_INDICATOR_ON = 0x0100
EXP_SLTCTL_INDICATOR_OFF = 0x0300
EXP_SLTCTL_POWER_OFF = 0x0400
EXP_DEVCTL2 = 0x28
EXP_DEVCTL2_ARI = 0x0020
ACS_CTRL = 0x06

_BDF = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


class BusNumbers(NamedTuple):
    """The bus number registers of a bridge."""

    primary: int
    secondary: int
    subordinate: int


class Pci:
    """A function, in one kernel."""

    def __init__(self, guest: Guest, bdf: str) -> None:
        self.guest = guest
        self.bdf = bdf
        self.path = f"/sys/bus/pci/devices/{bdf}"

    def __repr__(self) -> str:
        return self.bdf

    # Config space

    def read(self, offset: int, width: int) -> int:
        """Reads a register of 1, 2 or 4 bytes."""
        data = self.guest.read_at(f"{self.path}/config", offset, width)
        if len(data) != width:
            raise Failure(f"{self.bdf} has no register {offset:#x}")
        return int.from_bytes(data, "little")

    def write(self, offset: int, width: int, value: int) -> None:
        """Writes a register."""
        self.guest.write_at(f"{self.path}/config", offset, value.to_bytes(width, "little"))

    @property
    def command(self) -> int:
        """The Command register."""
        return self.read(COMMAND, 2)

    @property
    def bus_master(self) -> bool:
        """Whether Bus Master is set."""
        return bool(self.command & COMMAND_MASTER)

    @bus_master.setter
    def bus_master(self, on: bool) -> None:
        rest = self.command & ~COMMAND_MASTER
        self.write(COMMAND, 2, rest | (COMMAND_MASTER if on else 0))

    @property
    def is_bridge(self) -> bool:
        """Whether it is a bridge."""
        return self.read(HEADER_TYPE, 1) & HEADER_TYPE_MASK == HEADER_TYPE_BRIDGE

    @property
    def bus_numbers(self) -> BusNumbers:
        """The bus numbers of a bridge."""
        return BusNumbers(*(self.read(offset, 1) for offset in BUS_NUMBER_BYTES))

    def capability(self, wanted: int) -> int:
        """The offset of a capability."""
        at = self.read(CAPABILITIES, 1)
        while at:
            if self.read(at, 1) == wanted:
                return at
            at = self.read(at + 1, 1)
        raise Failure(f"{self.bdf} has no capability {wanted:#x}")

    def extended(self, wanted: int) -> int:
        """The offset of an extended capability."""
        at = EXTENDED
        while at:
            header = self.read(at, 4)
            if header & 0xFFFF == wanted:
                return at
            at = header >> 20
        raise Failure(f"{self.bdf} has no extended capability {wanted:#x}")

    # Driver model

    @property
    def line(self) -> list[Pci]:
        """The bridges above it, the topmost first, and the function itself."""
        parts = self.guest.readlink(self.path).split("/")
        return [Pci(self.guest, part) for part in parts if _BDF.fullmatch(part)]

    @property
    def below(self) -> list[Pci]:
        """The functions on the bus below a bridge."""
        names = self.guest.names(self.path)
        return [Pci(self.guest, name) for name in names if _BDF.fullmatch(name)]

    @property
    def present(self) -> bool:
        """Whether the kernel has such a function."""
        return self.guest.exists(self.path)

    def attribute(self, name: str) -> str:
        """Reads a sysfs attribute."""
        return self.guest.text(f"{self.path}/{name}")

    def set_attribute(self, name: str, value: str) -> None:
        """Writes a sysfs attribute."""
        self.guest.write(f"{self.path}/{name}", value)

    @property
    def driver(self) -> str | None:
        """The driver that it is bound to."""
        if not self.guest.exists(f"{self.path}/driver"):
            return None
        return self.guest.readlink(f"{self.path}/driver").rsplit("/", 1)[1]

    def bind(self, driver: str) -> None:
        """Binds it to this driver, whatever its ids, and whichever it has."""
        self.set_attribute("driver_override", driver)
        bound = self.driver
        if bound == driver:
            return
        if bound is not None:
            self.unbind()
        self.probe(driver)

    def probe(self, driver: str) -> None:
        """Binds it to a driver that it may have, in one request."""
        self.guest.write(f"/sys/bus/pci/drivers/{driver}/bind", self.bdf)

    def unbind(self) -> None:
        """Unbinds its driver."""
        self.set_attribute("driver/unbind", self.bdf)

    def remove(self) -> None:
        """Removes it through sysfs."""
        self.set_attribute("remove", "1")
