# SPDX-License-Identifier: GPL-2.0
"""Address spaces of iommufd: what a device that user space controls may reach."""

from .session import Fd


class Ioas:
    """An address space. Its iommufd closes it."""

    def __init__(self, iommufd: Fd) -> None:
        self._iommufd = iommufd
        self.number = int(iommufd.guest.request("iommufd.ioas_alloc", iommufd.number)[0])

    def _request(self, verb: str, *words: int) -> list[bytes]:
        return self._iommufd.guest.request(
            f"iommufd.{verb}", self._iommufd.number, self.number, *words
        )

    def map(self, file: Fd, start: int, length: int, iova: int) -> None:
        """Maps a part of a file that a process has mapped (IOMMU_IOAS_MAP)."""
        self._request("map", file.number, start, length, iova)

    def map_file(self, file: Fd, start: int, length: int, iova: int) -> None:
        """Maps a part of a file (IOMMU_IOAS_MAP_FILE)."""
        self._request("map_file", file.number, start, length, iova)

    def unmap(self, iova: int, length: int) -> None:
        """Unmaps what was mapped at an address."""
        self._request("unmap", iova, length)

    def physical(self, iova: int) -> int:
        """The physical address, for a device without an IOMMU."""
        return int(self._request("physical", iova)[0])
