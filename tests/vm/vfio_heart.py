# SPDX-License-Identifier: GPL-2.0
"""A USB controller (heart.py) that user space drives through vfio-pci."""

from .guest import Guest
from .heart import HC_INTERRUPT_STATUS, PAGE, Heart
from .machine import Device, endpoint, root_port, switch
from .machine import device as machine_device
from .pci import Pci
from .session import Fd, Session
from .vfio import DRIVER, INTX, Vfio
from .vm import Vm

# Where the controller finds its page if an IOMMU translates.
IOVA = 0x0FF00000
DEVICE, AREA = 1, 2
# Registers that enable and disable interrupts.
_HC_INTERRUPT_ENABLE, _HC_INTERRUPT_DISABLE = 0x10, 0x14
_START_OF_FRAME, _MASTER_ENABLE = 1 << 2, 1 << 31


def behind_switch(id: str = "usb", port: str = "rp", slot: str = "4") -> list[Device]:
    """A controller, and the bridges above it up to a root port."""
    above = f"{id}-switch"
    return [
        root_port(port, slot),
        *switch(above, port, 1),
        machine_device("pcie-pci-bridge", f"{id}-bridge", f"{above}.0"),
        endpoint(id, f"{id}-bridge", "pci-ohci", "1"),
    ]


def new_area(guest: Guest) -> Fd:
    """A memfd of a page, which is present."""
    memory = guest.memfd("area")
    memory.size = PAGE
    memory.write(0, b"\0")
    return memory


class VfioHeart:
    """An open controller, and the page that it counts into."""

    def __init__(self, vm: Vm, function: Pci, device: Vfio, memory: Fd) -> None:
        self.function = function
        self.device = device
        self.memory = memory
        self.ioas = device.attach()
        self.ioas.map_file(memory, 0, PAGE, IOVA)
        self.heart = Heart(vm, function, device.file)

    @classmethod
    def start(cls, vm: Vm, function: Pci) -> "VfioHeart":
        """Binds and opens a controller without an IOMMU, and starts it on a new page."""
        function.bind(DRIVER)
        found = cls(vm, function, Vfio(function), new_area(function.guest))
        found.device.start()
        found.heart.start(found.page)
        return found

    @classmethod
    def retrieve(
        cls, vm: Vm, function: Pci, session: Session, device: int = DEVICE, area: int = AREA
    ) -> "VfioHeart":
        """Takes over a controller of the previous kernel, whose driver is bound."""
        device_file = Vfio.retrieve(function, session, device)
        return cls(vm, function, device_file, session.retrieve(area))

    def preserve(self, session: Session, device: int = DEVICE, area: int = AREA) -> None:
        """Preserves the memory, and then the controller."""
        session.preserve(self.memory, area)
        session.preserve(self.device.file, device)

    @property
    def page(self) -> int:
        """The physical address of its page."""
        return self.ioas.physical(IOVA)

    def close(self) -> None:
        """Closes what user space has of it."""
        self.device.close()
        self.memory.close()


class FrameInterrupt:
    """The interrupt of a controller at the start of each frame: INTx."""

    def __init__(self, vm: Vm, beat: VfioHeart) -> None:
        self._vm = vm
        self._device = beat.device
        self.eventfd = beat.function.guest.eventfd()
        self._device.set_irqs(INTX, 0, self.eventfd)

    def comes(self) -> None:
        """It comes, more than once, and is disabled then."""
        registers = self._device.file
        registers.store(_HC_INTERRUPT_ENABLE, _MASTER_ENABLE | _START_OF_FRAME)
        for _ in range(2):
            self._vm.wait_for("an interrupt", lambda: self.eventfd.events > 0)
            registers.store(HC_INTERRUPT_STATUS, _START_OF_FRAME)
            self._device.unmask()
        registers.store(_HC_INTERRUPT_DISABLE, _START_OF_FRAME)
        registers.store(HC_INTERRUPT_STATUS, _START_OF_FRAME)
        self._device.unmask()
        self._vm.wait_for("the last one", lambda: self.eventfd.events == 0)
