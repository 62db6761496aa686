# SPDX-License-Identifier: GPL-2.0
"""What a kernel has to make of a handover, from its bytes. This is not the kernel's code."""

import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .handed import Part

_ENTRY = struct.Struct("<IHH")
_IDENTITY = struct.Struct("<IHBBHHHHIH3s7s")
_USED, _DMA, _ACS, _ARI = 1, 2, 4, 8
# What a block is aligned to.
_PAGE = 4096
# Refused, wherever that is.
_ANYWHERE = "pci at "
# The entries that fit.
ARRAY_ENTRIES, BLOCK_ENTRIES, RECORD_ENTRIES = 511, 510, 511


def bdf(domain: int, number: int) -> str:
    """The address as the kernel prints it."""
    return f"{domain:04x}:{number >> 8:02x}:{number >> 3 & 0x1F:02x}.{number & 7:x}"


@dataclass(frozen=True)
class Outcome:
    """What becomes of the functions that are handed over."""

    refused: str | None = None
    """By name and place; then the policy acts, and all else is empty."""
    incoming: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    other: frozenset[str] = frozenset()
    """Another device is there than the record says."""
    told: frozenset[str] = frozenset()
    """In another state than the record says."""
    ignored: str | None = None
    """The place for which the record is not used."""
    unknown_version: bool = False
    """The list of blocks is not read, since the array is there."""

    def __str__(self) -> str:
        sets = ("incoming", "missing", "other", "told")
        shown = [f"{name} {sorted(getattr(self, name))}" for name in sets if getattr(self, name)]
        shown += [f"refused: {self.refused}"] if self.refused else []
        shown += [f"record ignored: {self.ignored}"] if self.ignored else []
        shown += ["version not known"] if self.unknown_version else []
        return ", ".join(shown)

    def permits(self, found: "Outcome") -> bool:
        """Whether a kernel may have made that of it."""
        if self.refused == _ANYWHERE:
            return (found.refused or "").startswith(_ANYWHERE)
        return str(self) == str(found)


class Refused(Exception):
    """A list is refused."""


class Unknown(Exception):
    """A list has a version that is not known."""


def _used(data: bytes, number: int) -> int:
    return sum(data[nr * _ENTRY.size + 6 : nr * _ENTRY.size + 8] != b"\0\0" for nr in range(number))


def _counts(name: str, entries: bytes, offsets: Sequence[str]) -> dict[str, int]:
    """The functions of a list, with their counts. `offsets` says where each entry is."""
    counts: dict[str, int] = {}
    for nr, offset in enumerate(offsets):
        domain, function, count = _ENTRY.unpack_from(entries, nr * _ENTRY.size)
        if not count:
            continue
        address = bdf(domain, function)
        if address in counts:
            raise Refused(f"{name} at offset {offset}")
        counts[address] = count
    return counts


def array(data: bytes) -> dict[str, int]:
    """Decodes `pci-v3`."""
    maximum, number = struct.unpack_from("<II", data)
    if maximum > ARRAY_ENTRIES:
        raise Refused("pci-v3 at offset 0")
    entries = data[Part.ARRAY.header :]
    if number > maximum or number != _used(entries, maximum):
        raise Refused("pci-v3 at offset 4")
    return _counts("pci-v3", entries, [f"{8 + 8 * nr}" for nr in range(maximum)])


def _may_be_block(address: int) -> bool:
    """Whether other memory that KHO knows may be there, which is then read as a block."""
    return address % _PAGE == 0


def blocks(head: bytes, block: bytes, address: int) -> dict[str, int]:
    """Decodes `pci` with one block, which is at that address."""
    version, number, first = struct.unpack("<IIQ", head)
    following, count = struct.unpack_from("<QQ", block)
    if version != 2:
        raise Unknown
    if not first and number:
        raise Refused("pci at offset 4")
    if first != address:
        raise Refused(_ANYWHERE if _may_be_block(first) else "pci at block 0")
    if following:
        raise Refused(_ANYWHERE if _may_be_block(following) else "pci at block 1")
    if not 1 <= count <= BLOCK_ENTRIES:
        raise Refused("pci at offset 8 of block 0")
    entries = block[Part.BLOCK.header :]
    if number != _used(entries, count):
        raise Refused("pci at offset 4")
    return _counts("pci", entries, [f"{16 + 8 * nr} of block 0" for nr in range(count)])


Fields = tuple[object, ...]


def _record(data: bytes, listed: Collection[str]) -> tuple[dict[str, Fields], str | None, bool]:
    """Decodes the record: what it says, or the place for which it is not used.

    The last one is whether that is another function than the list has.
    """
    maximum, number = struct.unpack_from("<II", data)
    if maximum > RECORD_ENTRIES:
        return {}, "offset 0", False
    found = [_IDENTITY.unpack_from(data, 8 + 32 * nr) for nr in range(maximum)]
    used = {nr: entry for nr, entry in enumerate(found) if entry[2]}
    if number != len(used):
        return {}, "offset 4", False
    for nr, entry in used.items():
        flags = entry[2]
        if not flags & _USED or flags & ~(_USED | _DMA | _ACS | _ARI) or any(entry[-1]):
            return {}, f"offset {8 + 32 * nr}", False
    said: dict[str, Fields] = {}
    for nr, (domain, function, *fields) in used.items():
        name = bdf(domain, function)
        if name not in listed or name in said:
            return {}, f"offset {8 + 32 * nr}", name not in listed
        said[name] = tuple(fields)
    return said, None, False


def _is_other(expected: Fields, there: Fields) -> bool:
    def model(fields: Fields) -> Fields:
        _, kind, vendor, device, _, _, revision, *_ = fields
        assert isinstance(revision, int)
        return kind, vendor, device, revision >> 8

    return model(expected) != model(there)


def _is_told(expected: Fields, there: Fields) -> bool:
    def state(fields: Fields) -> Fields:
        flags, _, _, _, by, which, revision, acs, buses, _ = fields
        assert isinstance(flags, int) and isinstance(revision, int)
        control = acs if flags & _ACS else None
        return revision & 0xFF, by, which, buses, control, flags & _ARI

    return state(expected) != state(there)


def outcome(
    before: dict[Part, bytes], now: dict[Part, bytes], block: int, present: Collection[str]
) -> Outcome:
    """What a kernel makes of the bytes.

    `before` is what was handed over, `block` the address of the block, and `present` has all
    functions that are there.
    """
    unknown = False
    lists = []
    try:
        if Part.ARRAY in now:
            lists.append(array(now[Part.ARRAY]))
        if Part.HEAD in now:
            lists.append(blocks(now[Part.HEAD], now[Part.BLOCK], block))
    except Refused as why:
        return Outcome(refused=str(why))
    except Unknown:
        if not lists:
            return Outcome(refused="pci at offset 0")
        unknown = True
    if len(lists) == 2 and lists[0] != lists[1]:
        return Outcome(refused="pci-v3 and pci")

    listed = lists[0]
    said: dict[str, Fields] = {}
    ignored = None
    if Part.RECORD in now:
        said, ignored, contradicts = _record(now[Part.RECORD], listed)
        if contradicts and len(lists) == 1:
            return Outcome(refused=f"identity record at {ignored}", unknown_version=unknown)
    there = _record(before[Part.RECORD], listed)[0] if said else {}
    other = {name for name in said if name in there and _is_other(said[name], there[name])}
    told = {
        name
        for name in said
        if name in there and name not in other and _is_told(said[name], there[name])
    }
    incoming = {name for name in listed if name in present and name not in other}
    return Outcome(
        incoming=frozenset(incoming),
        missing=frozenset(listed) - incoming,
        other=frozenset(other),
        told=frozenset(told),
        ignored=ignored,
        unknown_version=unknown,
    )
