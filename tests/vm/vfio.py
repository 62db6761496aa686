# SPDX-License-Identifier: GPL-2.0
"""A device in the hands of user space, through vfio-pci and iommufd."""

from .pci import Pci

DRIVER = "vfio-pci"
# Kernel arguments for machines without an IOMMU.
NO_IOMMU = "vfio.enable_unsafe_noiommu_mode=1"


class Vfio:
    """An open device. Opening it is what enables it, and closing it what disables it."""

    def __init__(self, function: Pci) -> None:
        guest = function.guest
        (name,) = guest.names(f"{function.path}/vfio-dev")
        self._iommufd = guest.open("/dev/iommu")
        self._device = guest.open(f"/dev/vfio/devices/{name}")
        guest.request("vfio.bind", self._device.number, self._iommufd.number)

    def reset(self) -> None:
        """Asks for a reset of the function."""
        self._device.guest.request("vfio.reset", self._device.number)

    def close(self) -> None:
        """Gives the device back."""
        self._device.close()
        self._iommufd.close()
