# SPDX-License-Identifier: GPL-2.0
"""The physical pages of a guest: where the pages of a file are, and what moves them."""

import re
import struct
from collections.abc import Iterator
from enum import IntFlag

from .guest import Guest
from .session import Fd

PAGE = 4096

# /proc/self/pagemap
_PRESENT = 1 << 63
_PFN = (1 << 55) - 1

# Seconds. Memory that was never used is slow on an emulated machine.
_FILL_TIMEOUT = 300

SWAP_DEVICE = "/dev/ram0"
# The header of a swap area, which is zero otherwise: version, last page and number of bad
# pages at 1024, and the signature at the end of the page.
_SWAP_HEADER = struct.Struct("<III")
_SWAP_SIGNATURE = b"SWAPSPACE2"


class Flags(IntFlag):
    """What /proc/kpageflags says about a page: the flags that are looked at."""

    LRU = 1 << 5
    UNEVICTABLE = 1 << 18


def addresses(fd: Fd, offset: int = 0, length: int | None = None) -> list[int]:
    """The physical addresses of the pages of a file, which are made present; 0 if one is not."""
    size = fd.size - offset if length is None else length
    data = fd.guest.request("fd.pages", fd.number, offset, size)[0]
    entries = (int(entry) for (entry,) in struct.iter_unpack("<Q", data))
    return [(entry & _PFN) * PAGE if entry & _PRESENT else 0 for entry in entries]


def allocate(fd: Fd, length: int) -> None:
    """Gives pages to a file, without touching them."""
    fd.guest.request("fd.allocate", fd.number, length)


def fill(fd: Fd, length: int) -> None:
    """Writes that many zeroes to a file."""
    fd.guest.request("fd.fill", fd.number, length, timeout=_FILL_TIMEOUT)


def _runs(pages: list[int]) -> Iterator[tuple[int, int]]:
    """The first address and the number of pages of each contiguous run."""
    start, count = 0, 0
    for page in sorted(pages):
        if page != start + count * PAGE:
            if count:
                yield start, count
            start, count = page, 0
        count += 1
    if count:
        yield start, count


def flags(guest: Guest, pages: list[int]) -> list[Flags]:
    """The flags of these pages, by physical address, in any order."""
    found = []
    for start, count in _runs(pages):
        data = guest.read_at("/proc/kpageflags", start // PAGE * 8, count * 8)
        entries = struct.iter_unpack("<Q", data)
        found += [Flags(int(entry) & int(sum(Flags))) for (entry,) in entries]
    return found


def vmstat(guest: Guest) -> dict[str, int]:
    """The counters of /proc/vmstat, with what each CPU has counted for itself."""
    guest.write("/proc/sys/vm/stat_refresh", "1")
    lines = (line.split() for line in guest.text("/proc/vmstat").splitlines())
    return {name: int(value) for name, value in lines}


def pins(guest: Guest) -> int:
    """How many pages are pinned now."""
    counters = vmstat(guest)
    return counters["nr_foll_pin_acquired"] - counters["nr_foll_pin_released"]


def free(guest: Guest) -> int:
    """How many pages are free, with those that each CPU keeps for itself."""
    # The counters are up to date after that.
    vmstat(guest)
    # Both in one read: a worker returns what CPUs keep.
    zones = guest.text("/proc/zoneinfo")
    return sum(map(int, re.findall(r"^ +(?:pages free|count:) +(\d+)$", zones, re.M)))


def compact(guest: Guest) -> None:
    """Compacts all zones: movable pages move to their ends."""
    guest.write("/proc/sys/vm/compact_memory", "1")


def swap_on(guest: Guest) -> None:
    """Makes a swap area in a RAM disk, and uses it."""
    sectors = int(guest.text(f"/sys/block/{SWAP_DEVICE.rpartition('/')[2]}/size"))
    guest.write_at(SWAP_DEVICE, 1024, _SWAP_HEADER.pack(1, sectors * 512 // PAGE - 1, 0))
    guest.write_at(SWAP_DEVICE, PAGE - len(_SWAP_SIGNATURE), _SWAP_SIGNATURE)
    guest.request("kernel.swapon", SWAP_DEVICE)


def swap_out(fd: Fd, offset: int = 0, length: int | None = None) -> None:
    """Has the kernel reclaim pages of a file."""
    size = fd.size - offset if length is None else length
    fd.guest.request("fd.page_out", fd.number, offset, size)


def swapped(guest: Guest) -> int:
    """How many KiB are in swap."""
    area = guest.text("/proc/swaps").splitlines()[1].split()
    return int(area[3])
