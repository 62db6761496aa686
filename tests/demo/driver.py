# SPDX-License-Identifier: GPL-2.0
"""The two drivers that the demo can be shown with.

    vfio   the card is driven by user space, which keeps its file and its memory
    rust   the card has a sample driver in the kernel, and user space keeps its file
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

from vm import Guest, Pci, Session, Vm
from vm.vfio import DRIVER, NO_IOMMU

from .card import WITHOUT_DRIVER, Card, Statistics, Taken
from .frames import Stream
from .ring import KernelRing, Ring
from .vfio_card import VfioCard, VfioRing

_CARD, _MEMORY = 0xCA4D, 0xCA4E


class AnyCard(Protocol):
    """A card that receives, for user space."""

    guest: Guest

    def statistics(self) -> Statistics:
        """The state of the ring."""

    def take(self, stream: Stream) -> Taken:
        """Reads all available frames."""


class Driver(ABC):
    """How user space has the card."""

    ARGUMENTS: ClassVar[str]
    """For every kernel."""
    BLIND: ClassVar[str]
    """For a new kernel in which nobody is to touch the card."""
    KEPT: ClassVar[str]
    """What is preserved."""

    @abstractmethod
    def start(self, function: Pci) -> AnyCard:
        """A card that receives."""

    @abstractmethod
    def ring(self, vm: Vm, function: Pci) -> Ring:
        """Its ring, for the host."""

    @abstractmethod
    def preserve(self, card: AnyCard, session: Session) -> None:
        """Preserves it."""

    @abstractmethod
    def retrieve(self, function: Pci, session: Session) -> AnyCard:
        """Takes it over in the new kernel."""

    def problems(self, card: AnyCard) -> list[str]:
        """What is wrong with the ring."""
        found = card.statistics()
        # If the ring overflowed, lost frames could not be detected.
        room = not found.full and found.waiting < found.capacity
        return [] if room else ["the ring was full"]


class RustDriver(Driver):
    """The sample driver."""

    ARGUMENTS = ""
    BLIND = WITHOUT_DRIVER
    KEPT = "the card with its ring"

    def start(self, function: Pci) -> Card:
        return Card.open(function.guest, function)

    def ring(self, vm: Vm, function: Pci) -> Ring:
        return KernelRing.of(vm.ram, function.bdf)

    def preserve(self, card: AnyCard, session: Session) -> None:
        assert isinstance(card, Card)
        session.preserve(card.fd, _CARD)

    def retrieve(self, function: Pci, session: Session) -> Card:
        return Card.retrieve(session, _CARD)

    def problems(self, card: AnyCard) -> list[str]:
        found = super().problems(card)
        if card.statistics().canaries != 1:
            found.append("the driver sees the canaries around the ring changed")
        return found


class VfioDriver(Driver):
    """User space, through vfio-pci."""

    ARGUMENTS = f"{NO_IOMMU} {WITHOUT_DRIVER}"
    BLIND = ""
    KEPT = "the file of the card, its memory"

    def start(self, function: Pci) -> VfioCard:
        return VfioCard.start(function)

    def ring(self, vm: Vm, function: Pci) -> Ring:
        return VfioRing(vm.ram)

    def preserve(self, card: AnyCard, session: Session) -> None:
        assert isinstance(card, VfioCard)
        card.preserve(session, _CARD, _MEMORY)

    def retrieve(self, function: Pci, session: Session) -> VfioCard:
        function.bind(DRIVER)
        return VfioCard.retrieve(function, session, _CARD, _MEMORY)


DRIVERS: dict[str, Driver] = {"vfio": VfioDriver(), "rust": RustDriver()}
