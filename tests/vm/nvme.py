# SPDX-License-Identifier: GPL-2.0
"""An NVMe drive that the agent drives (tests/agent/src/drivers/nvme.rs), and its image."""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .drivers import Driven
from .machine import Drive
from .pci import Pci
from .vm import Vm

BLOCK = 4096
_STATUS, _STATUS_FATAL = 0x1C, 1 << 1
_MARK = b"nvmeblk\0"
_HEAD = struct.Struct("<8sII")
_CRC = struct.Struct("<I")


@dataclass
class Told:
    """What the drive told of commands, in all kernels so far."""

    done: list[int] = field(default_factory=list)
    """The numbers of the commands, counted from 0, in the order of their completions."""
    in_flight: int = 0
    failed: int = 0
    damaged: int = 0
    """Blocks that are not what was written."""
    unexpected: int = 0
    """Completions that belong to no command under way."""

    def problems(self, commands: int) -> list[str]:
        """What is wrong, after so many commands."""
        found = []
        if sorted(self.done) != list(range(commands)):
            found.append(f"{len(self.done)} of {commands} commands completed, or not once each")
        for name in ("failed", "damaged", "unexpected", "in_flight"):
            if count := getattr(self, name):
                found.append(f"{name}: {count}")
        return found


class Nvme(Driven):
    """A drive."""

    NAME = "nvme"
    PAGES = 1024

    def _submit(self, verb: str, blocks: range, version: int) -> None:
        self.request(verb, blocks.start, len(blocks), blocks.step, version)

    def write(self, blocks: range, version: int) -> None:
        """Starts to write blocks, each with a command."""
        self._submit("write", blocks, version)

    def read(self, blocks: range, version: int) -> None:
        """Starts to read blocks, each with a command, which must have that version."""
        self._submit("read", blocks, version)

    def reap(self, told: Told) -> int:
        """Reads the completions that are there. Returns how many commands are under way."""
        words = self.request("reap")
        told.in_flight, failed, damaged, unexpected = (int(word) for word in words[:4])
        told.failed += failed
        told.damaged += damaged
        told.unexpected += unexpected
        for word in words[4:]:
            first, count = (int(part) for part in word.split(b":"))
            told.done += range(first, first + count)
        return told.in_flight


def limit(vm: Vm, drive: Drive, rate: int) -> None:
    """Sets how many commands a drive executes in a second; 0 is no limit."""
    vm.qmp.hmp(f"block_set_io_throttle {drive.id} 0 0 0 {rate} 0 0")


def written(vm: Vm, drive: Drive) -> int:
    """How many writes a drive has executed."""
    (device,) = (item for item in vm.qmp.command("query-blockstats") if item["device"] == drive.id)
    return int(device["stats"]["wr_operations"])


def failed(function: Pci) -> bool:
    """Whether a controller has met a fatal error, such as a completion that it cannot write."""
    registers = function.guest.open(f"{function.path}/resource0")
    status = registers.load(_STATUS)
    registers.close()
    return bool(status & _STATUS_FATAL)


def version(image: Path, block: int) -> int | None:
    """The version of a block in the image of a drive, if it is intact."""
    with image.open("rb") as file:
        file.seek(block * BLOCK)
        data = file.read(BLOCK)
    (crc,) = _CRC.unpack(data[-_CRC.size :])
    mark, found, number = _HEAD.unpack_from(data)
    intact = mark == _MARK and number == block and zlib.crc32(data[: -_CRC.size]) == crc
    return found if intact else None


def versions(image: Path, blocks: Iterable[int]) -> set[int | None]:
    """The versions of several blocks."""
    return {version(image, block) for block in blocks}
