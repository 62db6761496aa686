# SPDX-License-Identifier: GPL-2.0
"""The physical pages of a guest: where the pages of a file are, and what moves them."""

import struct
from enum import IntFlag

from .guest import Guest
from .session import Fd

PAGE = 4096

# /proc/self/pagemap
_PRESENT = 1 << 63
_PFN = (1 << 55) - 1

SWAP_DEVICE = "/dev/ram0"
# The header of a swap area: version and last page at 1024, and the signature at the end.
_SWAP_HEADER = struct.Struct("<III")
_SWAP_SIGNATURE = b"SWAPSPACE2"


class Flags(IntFlag):
    """What /proc/kpageflags says about a page."""

    LRU = 1 << 5
    BUDDY = 1 << 10
    SWAPBACKED = 1 << 14
    UNEVICTABLE = 1 << 18
    # Only the flags above are looked at.


def addresses(fd: Fd, offset: int = 0, length: int | None = None) -> list[int]:
    """The physical addresses of the pages of a file, which are made present; 0 if one is not."""
    size = fd.size - offset if length is None else length
    data = fd.guest.request("fd.pages", fd.number, offset, size)[0]
    entries = (int(entry) for (entry,) in struct.iter_unpack("<Q", data))
    return [(entry & _PFN) * PAGE if entry & _PRESENT else 0 for entry in entries]


def flags(guest: Guest, pages: list[int]) -> list[Flags]:
    """The flags of pages by physical address."""
    found = []
    for page in pages:
        data = guest.read_at("/proc/kpageflags", page // PAGE * 8, 8)
        found.append(Flags(int.from_bytes(data, "little") & sum(Flags)))
    return found


def vmstat(guest: Guest) -> dict[str, int]:
    """The counters of /proc/vmstat."""
    lines = (line.split() for line in guest.text("/proc/vmstat").splitlines())
    return {name: int(value) for name, value in lines}


def pins(guest: Guest) -> int:
    """How many pages are pinned now."""
    counters = vmstat(guest)
    return counters["nr_foll_pin_acquired"] - counters["nr_foll_pin_released"]


def free(guest: Guest) -> int:
    """How many pages are free."""
    return vmstat(guest)["nr_free_pages"]


def compact(guest: Guest) -> None:
    """Compacts all zones: movable pages move to their ends."""
    guest.write("/proc/sys/vm/compact_memory", "1")


def swap_on(guest: Guest) -> None:
    """Makes a swap area in a RAM disk, and uses it."""
    sectors = int(guest.text(f"/sys/block/{SWAP_DEVICE.rpartition('/')[2]}/size"))
    header = bytearray(PAGE)
    _SWAP_HEADER.pack_into(header, 1024, 1, sectors * 512 // PAGE - 1, 0)
    header[-len(_SWAP_SIGNATURE) :] = _SWAP_SIGNATURE
    guest.write_at(SWAP_DEVICE, 0, bytes(header[:1536]))
    guest.write_at(SWAP_DEVICE, PAGE - 16, bytes(header[-16:]))
    guest.request("kernel.swapon", SWAP_DEVICE)


def swap_out(fd: Fd, offset: int = 0, length: int | None = None) -> None:
    """Has the kernel reclaim pages of a file."""
    size = fd.size - offset if length is None else length
    fd.guest.request("fd.page_out", fd.number, offset, size)


def swapped(guest: Guest) -> int:
    """How many KiB are in swap."""
    area = guest.text("/proc/swaps").splitlines()[1].split()
    return int(area[3])
