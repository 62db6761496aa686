# SPDX-License-Identifier: GPL-2.0
"""The handover of a kernel, read from guest memory by the host.

The structures are those of include/linux/kho/abi/, decoded independently of the
kernels that write and read them.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from .errors import Failure
from .ram import GuestRam

# struct luo_ser: compatible, liveupdate_num, sessions_pa, flbs_pa
_LUO_SER = struct.Struct("<8sQQQ")
# struct luo_flb_header_ser: pgcnt, count
_FLB_HEADER = struct.Struct("<QQ")
# struct luo_flb_ser: name, data, count
_FLB = struct.Struct("<48sQQ")

PCI = "pci-v3"
PCI_LIST = "pci"
# struct pci_ser: max_nr_devices, nr_devices, then struct pci_dev_ser: domain, bdf, refcount
_PCI_SER = struct.Struct("<II")
_PCI_DEV_SER = struct.Struct("<IHH")
# struct pci_blocks_ser: version, nr_devices, first
_PCI_BLOCKS_SER = struct.Struct("<IIQ")
# struct kho_block_header_ser: next, count
_BLOCK_HEADER = struct.Struct("<QQ")

IDENTITY = "pci-identity-v1"
# struct pci_identity_ser: max_nr, nr, then struct pci_identity: domain, bdf, flags, header_type,
# vendor, device, subsystem_vendor, subsystem, class_revision, acs_ctrl, buses, reserved
_IDENTITY_SER = struct.Struct("<II")
_IDENTITY = struct.Struct("<IHBBHHHHIH3s7x")

_FDT_HEADER = struct.Struct(">10I")
# The token that begins the root node, and its empty name.
_FDT_ROOT = 8
# FDT_PROP, length, name
_FDT_PROPERTY = struct.Struct(">3I")
_FDT_PROPERTY_TOKEN = 3
_U64 = struct.Struct("<Q")

_PAGE = 4096
_TABLE = struct.Struct("<512Q")
# Levels above the bitmaps, and how many bits of a key each of the two kinds takes.
_LEVELS = 5
_TABLE_BITS = 9
_BITMAP_BITS = 15
# The bit that marks the order in a key of order 0.
_ORDER_BIT = 52


@dataclass(frozen=True)
class Flb:
    """A `struct luo_flb_ser` in memory."""

    address: int
    """The address of the struct."""
    name: str
    data: int
    """The handle of the FLB; for PCI, the address of the array."""
    count: int


def flbs(ram: GuestRam, luo: bytes) -> list[Flb]:
    """The FLBs that a kernel hands over: `luo` is its outgoing `struct luo_ser`."""
    *_, table = _LUO_SER.unpack_from(luo)
    _, count = _FLB_HEADER.unpack(ram.read(table, _FLB_HEADER.size))
    entries = []
    for n in range(count):
        address = table + _FLB_HEADER.size + n * _FLB.size
        name, data, files = _FLB.unpack(ram.read(address, _FLB.size))
        entries.append(Flb(address, name.split(b"\0")[0].decode(), data, files))
    return entries


@dataclass(frozen=True)
class PciArray:
    """The array of preserved functions, and its address, for scenarios that damage it."""

    address: int
    max_nr_devices: int
    nr_devices: int
    counts: dict[str, int]
    """The count of each used entry, by DOMAIN:BUS:SLOT.FUNCTION."""

    def entry(self, index: int) -> int:
        """The address of an entry."""
        return self.address + _PCI_SER.size + index * _PCI_DEV_SER.size


def pci_array(ram: GuestRam, luo: bytes) -> PciArray | None:
    """The array that a kernel hands over, if there is one."""
    found = [flb for flb in flbs(ram, luo) if flb.name == PCI]
    if not found:
        return None
    address = found[0].data
    maximum, used = _PCI_SER.unpack(ram.read(address, _PCI_SER.size))
    data = ram.read(address + _PCI_SER.size, maximum * _PCI_DEV_SER.size)
    return PciArray(address, maximum, used, _counts(data))


def _counts(data: bytes) -> dict[str, int]:
    """The used entries of an array or of a block, by function."""
    entries = _PCI_DEV_SER.iter_unpack(data)
    return {_name(domain, bdf): count for domain, bdf, count in entries if count}


@dataclass(frozen=True)
class PciList:
    """The list of blocks, for scenarios that damage it."""

    address: int
    version: int
    nr_devices: int
    blocks: list[int]
    """The addresses of the blocks."""
    counts: dict[str, int]
    """The count of each used entry, by DOMAIN:BUS:SLOT.FUNCTION."""

    def entry(self, index: int) -> int:
        """The address of an entry of the first block."""
        return self.blocks[0] + _BLOCK_HEADER.size + index * _PCI_DEV_SER.size


def pci_list(ram: GuestRam, luo: bytes) -> PciList | None:
    """The list of blocks that a kernel hands over, if there is one."""
    found = [flb for flb in flbs(ram, luo) if flb.name == PCI_LIST]
    if not found:
        return None
    address = found[0].data
    version, used, at = _PCI_BLOCKS_SER.unpack(ram.read(address, _PCI_BLOCKS_SER.size))
    blocks: list[int] = []
    counts: dict[str, int] = {}
    while at:
        if at in blocks:
            raise Failure("the list of blocks is a loop")
        blocks.append(at)
        at, count = _BLOCK_HEADER.unpack(ram.read(at, _BLOCK_HEADER.size))
        if not count:
            raise Failure("a block has no entries")
        data = ram.read(blocks[-1] + _BLOCK_HEADER.size, count * _PCI_DEV_SER.size)
        counts |= _counts(data)
    return PciList(address, version, used, blocks, counts)


@dataclass(frozen=True)
class Identity:
    """What a kernel says that a function is, and where it says so."""

    address: int
    flags: int
    header_type: int
    ids: tuple[int, int]
    """Vendor and device."""
    subsystem: tuple[int, int]
    class_revision: int
    acs_ctrl: int
    buses: bytes

    USED, DMA, ACS, ARI = 1, 2, 4, 8


def identities(ram: GuestRam, luo: bytes) -> dict[str, Identity]:
    """The record that a kernel hands over, by DOMAIN:BUS:SLOT.FUNCTION."""
    [flb] = [flb for flb in flbs(ram, luo) if flb.name == IDENTITY]
    maximum, used = _IDENTITY_SER.unpack(ram.read(flb.data, _IDENTITY_SER.size))
    found = {}
    for nr in range(maximum):
        address = flb.data + _IDENTITY_SER.size + nr * _IDENTITY.size
        fields = _IDENTITY.unpack(ram.read(address, _IDENTITY.size))
        domain, bdf, flags, header, vendor, device, *subsystem, revision, acs, buses = fields
        if flags:
            ids, (by, which) = (vendor, device), subsystem
            found[_name(domain, bdf)] = Identity(
                address, flags, header, ids, (by, which), revision, acs, buses
            )
    if len(found) != used:
        raise Failure(f"the record says {used} entries, and {len(found)} are used")
    return found


def _name(domain: int, bdf: int) -> str:
    return f"{domain:04x}:{bdf >> 8:02x}:{bdf >> 3 & 0x1F:02x}.{bdf & 7}"


@dataclass(frozen=True)
class Page:
    """A page, or a power of two pages, that is preserved."""

    address: int
    order: int


def _map_root(fdt: bytes) -> int:
    """The address of KHO's map: the only property of the root node that has eight bytes.

    It is found by its size, because debugfs shows the tree with the size that it had when
    it was created, which does not include the names at its end.
    """
    _, _, at, *_ = _FDT_HEADER.unpack_from(fdt)
    at += _FDT_ROOT
    while True:
        token, length, _ = _FDT_PROPERTY.unpack_from(fdt, at)
        at += _FDT_PROPERTY.size
        if token != _FDT_PROPERTY_TOKEN:
            raise Failure("KHO's device tree does not tell where its map is")
        if length == _U64.size:
            root: int = _U64.unpack_from(fdt, at)[0]
            return root
        at += length + 3 & ~3


def _keys(ram: GuestRam, node: int, level: int, key: int) -> Iterator[int]:
    if level == 0:
        bitmap = int.from_bytes(ram.read(node, _PAGE), "little")
        while bitmap:
            lowest = bitmap & -bitmap
            yield key | lowest.bit_length() - 1
            bitmap ^= lowest
        return
    shift = (level - 1) * _TABLE_BITS + _BITMAP_BITS
    for index, child in enumerate(_TABLE.unpack(ram.read(node, _PAGE))):
        if child:
            yield from _keys(ram, child, level - 1, key | index << shift)


def preserved(ram: GuestRam, fdt: bytes) -> frozenset[Page]:
    """All memory that a kernel preserves: `fdt` is its outgoing KHO device tree."""
    pages = set()
    for key in _keys(ram, _map_root(fdt), _LEVELS, 0):
        order = _ORDER_BIT - (key.bit_length() - 1)
        pages.add(Page((key ^ 1 << _ORDER_BIT - order) << 12 + order, order))
    return frozenset(pages)
