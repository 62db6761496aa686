# SPDX-License-Identifier: GPL-2.0
"""A device that user space controls through vfio-pci and iommufd."""

from errno import EBUSY

from . import check
from .iommufd import Ioas
from .pci import Pci
from .session import Fd, Session

DRIVER = "vfio-pci"
# Another driver that shares vfio-pci-core. It does not take devices of the previous kernel.
VARIANT = "virtio_vfio_pci"
# The interrupts of a device.
INTX, MSIX = 0, 2
# Where config space is in the file of a device. The first BAR is at its beginning.
CONFIG = 7 << 40
# Arguments for kernels of machines without an IOMMU.
NO_IOMMU = "vfio.enable_unsafe_noiommu_mode=1"


def node(function: Pci) -> str:
    """The node of a device, whose driver is bound."""
    (name,) = function.guest.names(f"{function.path}/vfio-dev")
    return f"/dev/vfio/devices/{name}"


def group_of(function: Pci) -> Fd:
    """The group of a device without an IOMMU."""
    number = function.guest.readlink(f"{function.path}/iommu_group").rsplit("/", 1)[1]
    return function.guest.open(f"/dev/vfio/noiommu-{number}")


def nobody_opens(function: Pci) -> None:
    """The device has a node and a group, and neither of them opens it."""
    with check.refused(EBUSY):
        function.guest.open(node(function))
    with check.refused(EBUSY):
        # Once the device is bound to an iommufd, its group cannot be opened either.
        group = group_of(function)
        try:
            function.guest.request("vfio.group_device", group.number, function.bdf)
        finally:
            group.close()


class Vfio:
    """An open device. Opening enables it, and closing disables it."""

    def __init__(self, function: Pci, file: Fd | None = None) -> None:
        """Opens the device, or takes its file, which was retrieved from a session."""
        guest = function.guest
        if file is None:
            file = guest.open(node(function))
        self.file = file
        self.iommufd = guest.open("/dev/iommu")
        guest.request("vfio.bind", file.number, self.iommufd.number)

    @classmethod
    def retrieve(cls, function: Pci, session: Session, token: int) -> "Vfio":
        """Takes over a device of the previous kernel."""
        return cls(function, session.retrieve(token))

    def attach(self) -> Ioas:
        """Attaches the device to a new, empty address space."""
        ioas = Ioas(self.iommufd)
        self._request("attach", ioas.number)
        return ioas

    def start(self) -> None:
        """Sets Bus Master."""
        self._request("start")

    def read(self, offset: int, width: int) -> int:
        """Reads a register of config space, as vfio-pci shows it."""
        return int.from_bytes(self._request("read", offset, width)[0], "little")

    def write(self, offset: int, width: int, value: int) -> None:
        """Writes a register of config space, as far as vfio-pci allows it."""
        self._request("write", offset, value.to_bytes(width, "little"))

    def reset(self) -> None:
        """Requests a reset of the function."""
        self._request("reset")

    def hot_reset(self) -> None:
        """Requests a reset of the bus."""
        self._request("hot_reset")

    def low_power(self) -> None:
        """Allows the device to be suspended."""
        self._request("low_power")

    def set_irqs(self, index: int, start: int, *eventfds: Fd) -> None:
        """Sets the eventfds of the vectors from `start`."""
        self._request("set_irqs", index, start, *(eventfd.number for eventfd in eventfds))

    def unmask(self) -> None:
        """Unmasks INTx, which vfio-pci masks when it is raised."""
        self._request("unmask")

    def export(self, bar: int, length: int) -> Fd:
        """Exports the beginning of a BAR as a dma-buf."""
        return Fd(self.file.guest, int(self._request("export", bar, length)[0]))

    def close(self) -> None:
        """Closes the device."""
        self.file.close()
        self.iommufd.close()

    def _request(self, verb: str, *arguments: int | bytes) -> list[bytes]:
        return self.file.guest.request(f"vfio.{verb}", self.file.number, *arguments)
