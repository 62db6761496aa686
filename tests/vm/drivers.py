# SPDX-License-Identifier: GPL-2.0
"""Devices that the agent drives itself (tests/agent/src/drivers.rs).

Rings and buffers are in a memfd, at the same physical addresses in each kernel. Device and memory
belong into one session.
"""

from typing import ClassVar, Self

from . import check
from .pci import Pci
from .session import Eventfd, Fd, Session
from .vfio import DRIVER, MSIX, Vfio


class Driven:
    """A device with its memory."""

    NAME: ClassVar[str]
    """The name of the driver."""
    PAGES: ClassVar[int]
    """The size of the memory."""

    def __init__(self, device: Vfio, memory: Fd) -> None:
        self.device = device
        self.memory = memory
        self.guest = memory.guest

    @classmethod
    def start(cls, function: Pci, *vectors: Eventfd) -> Self:
        """Binds a device to vfio-pci, and starts it with memory and vectors of its own."""
        function.bind(DRIVER)
        driven = cls(Vfio(function), function.guest.memfd(cls.NAME))
        if vectors:
            driven.device.set_irqs(MSIX, 0, *vectors)
        ioas = driven.device.attach().number
        driven._dma("prepare", ioas, cls.PAGES)
        driven.request("start")
        return driven

    @classmethod
    def retrieve(cls, function: Pci, session: Session, device: int, memory: int) -> Self:
        """Takes over a device that has been running since the previous kernel.

        Fails unless its memory is where it was. Nothing is written to the device.
        """
        driven = cls(Vfio.retrieve(function, session, device), session.retrieve(memory))
        ioas = driven.device.attach().number
        (same,) = driven._dma("compare", ioas)
        check.equal("pages with the address that they had", int(same), cls.PAGES)
        driven.request("check")
        return driven

    def preserve(self, session: Session, device: int, memory: int) -> None:
        """Preserves the memory, and then the device, which LUO finishes first."""
        session.preserve(self.memory, memory)
        session.preserve(self.device.file, device)

    def request(self, verb: str, *arguments: str | bytes | int) -> list[bytes]:
        """A request to the driver."""
        device, memory = self.device.file.number, self.memory.number
        return self.guest.request(f"{self.NAME}.{verb}", device, memory, *arguments)

    def stop(self) -> None:
        """Makes the device access no memory any more."""
        self.request("stop")

    def _dma(self, verb: str, ioas: int, *arguments: int) -> list[bytes]:
        iommufd, memory = self.device.iommufd.number, self.memory.number
        return self.guest.request(f"dma.{verb}", iommufd, ioas, memory, *arguments)
