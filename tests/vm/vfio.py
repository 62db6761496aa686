# SPDX-License-Identifier: GPL-2.0
"""A device that user space controls through vfio-pci and iommufd."""

from .iommufd import Ioas
from .pci import Pci

DRIVER = "vfio-pci"
# Arguments for kernels of machines without an IOMMU.
NO_IOMMU = "vfio.enable_unsafe_noiommu_mode=1"


class Vfio:
    """An open device. Opening enables it, and closing disables it."""

    def __init__(self, function: Pci) -> None:
        guest = function.guest
        (name,) = guest.names(f"{function.path}/vfio-dev")
        self._iommufd = guest.open("/dev/iommu")
        self._device = guest.open(f"/dev/vfio/devices/{name}")
        guest.request("vfio.bind", self._device.number, self._iommufd.number)

    def attach(self) -> Ioas:
        """Attaches the device to a new, empty address space."""
        ioas = Ioas(self._iommufd)
        self._device.guest.request("vfio.attach", self._device.number, ioas.number)
        return ioas

    def reset(self) -> None:
        """Requests a reset of the function."""
        self._device.guest.request("vfio.reset", self._device.number)

    def close(self) -> None:
        """Closes the device."""
        self._device.close()
        self._iommufd.close()
