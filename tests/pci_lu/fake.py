# SPDX-License-Identifier: GPL-2.0
"""A system and an image for pci-lu to look at."""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import struct
import tempfile
import unittest
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

TOP = Path(__file__).resolve().parent.parent.parent
TOOL = TOP / "scripts" / "pci-lu"

YES, NO, CANNOT_TELL = 0, 1, 2

CORE = "sys/kernel/debug/pci_liveupdate"
LUO = "sys/kernel/debug/liveupdate"
DEVICES = "sys/bus/pci/devices"
PORT, CARD = "0000:00:01.0", "0000:01:00.0"
HOST = "sys/devices/pci0000:00"

FORMATS = "kho kho-v4\nluo luo-v5\nwrites pci-v3\nreads pci-v3\n"
STATEMENT = (
    "liveupdate_kho=kho-v4",
    "liveupdate_luo=luo-v5",
    "liveupdate_pci_writes=pci-v3",
    "liveupdate_pci_reads=pci-v3",
    "liveupdate_file=memfd-v2",
    "liveupdate_file=card-v1",
)
LINE = "console=ttyS0 kho=on liveupdate=on"


def load() -> ModuleType:
    """The tool, which has no suffix, as a module."""
    loader = importlib.machinery.SourceFileLoader("pci_lu_tool", str(TOOL))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


tool = load()


def chunk(magic: bytes, data: bytes) -> bytes:
    """A chunk of kernel_info."""
    return struct.pack("<4sI", magic, 8 + len(data)) + data


def lines(statement: Sequence[str]) -> bytes:
    """The data of the chunk that states something."""
    return "".join(f"{line}\n" for line in statement).encode()


def image(chunks: bytes, *, protocol: int = 0x020F, xloadflags: int = 3) -> bytes:
    """A bzImage with these chunks, and nothing to boot."""
    sectors, payload = 4, b"compressed" * 200
    setup = bytearray(512 * (1 + sectors))
    setup[0x1F1] = sectors
    setup[0x1FE:0x200] = b"\x55\xaa"
    setup[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", setup, 0x206, protocol)
    struct.pack_into("<H", setup, 0x20E, 0x400 - 0x200)
    setup[0x400:0x40E] = b"7.3.5 (me@host"
    setup[0x211] = 1
    struct.pack_into("<H", setup, 0x236, xloadflags)
    struct.pack_into("<II", setup, 0x248, 16, len(payload))
    struct.pack_into("<I", setup, 0x268, 16 + len(payload))
    info = struct.pack("<4sIII", b"LToP", 16, 16 + len(chunks), 9) + chunks
    return bytes(setup) + bytes(16) + payload + info


class Case(unittest.TestCase):
    """A root directory with a port and a card that is preserved, and an image that fits."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name) / "root"
        self.image = Path(folder.name) / "bzImage"
        self.out = ""
        self.write("proc/cmdline", f"{LINE}\n")
        self.write(f"{CORE}/formats", FORMATS)
        self.outgoing("DMA goes on")
        self.write(f"{CORE}/incoming", "")
        self.write(f"{CORE}/stats", "preserved 1\n")
        self.write(f"{CORE}/eligible", f"{PORT} other kept yes\n{CARD} liveupdate kept yes\n")
        self.write(f"{LUO}/outgoing", "card-v1 7 vm one\nmemfd-v2 8 vm one\n")
        self.write(f"{LUO}/incoming", "")
        self.device(PORT, f"{HOST}/{PORT}", driver="pcieport")
        self.device(CARD, f"{HOST}/{PORT}/{CARD}", driver="card")
        self.image.write_bytes(image(chunk(b"LvUp", lines(STATEMENT))))

    def outgoing(self, dma: str) -> None:
        """Preserves the card, whose DMA goes on or stops."""
        lines_ = f"{PORT} bridge 1 shared\n{CARD} endpoint 1 preserved, {dma}\n"
        self.write(f"{CORE}/outgoing", lines_)

    def write(self, name: str, text: str) -> None:
        """Writes a file below the root."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")

    def link(self, name: str, target: str) -> None:
        """Makes a link, both below the root."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        up = "../" * (len(Path(name).parts) - 1)
        path.symlink_to(f"{up}{target}")

    def remove(self, name: str) -> None:
        """Removes a file."""
        (self.root / name).unlink()

    def device(self, bdf: str, path: str, driver: str | None = None) -> None:
        """Adds a PCI function."""
        (self.root / path).mkdir(parents=True, exist_ok=True)
        self.link(f"{DEVICES}/{bdf}", path)
        if driver:
            (self.root / "sys/bus/pci/drivers" / driver).mkdir(parents=True, exist_ok=True)
            self.link(f"{path}/driver", f"sys/bus/pci/drivers/{driver}")

    def group(self, number: int, domain: str, *members: str) -> None:
        """Puts functions into an IOMMU group."""
        group = f"sys/kernel/iommu_groups/{number}"
        self.write(f"{group}/type", f"{domain}\n")
        for bdf in members:
            path = (self.root / DEVICES / bdf).resolve().relative_to(self.root.resolve())
            self.link(f"{group}/devices/{bdf}", str(path))
            self.link(f"{path}/iommu_group", group)

    def run_tool(self, *words: str) -> int:
        """Runs the tool, and keeps what it prints."""
        stdout = io.StringIO()
        with contextlib.redirect_stdout(stdout):
            code: int = tool.main(list(words))
        self.out = stdout.getvalue()
        return code

    def answer(self, command: str, *words: str) -> dict[str, Any]:
        """The JSON of a command on this system. The exit code must fit."""
        code = self.run_tool(command, "--json", "--root", str(self.root), *words)
        answer: dict[str, Any] = json.loads(self.out)
        self.assertEqual(answer["verdict"], ("yes", "no", "cannot tell")[code])
        return answer

    def check(self, *words: str, line: str | None = LINE) -> dict[str, Any]:
        """What check says about the image."""
        more = [] if line is None else ["--cmdline", line]
        return self.answer("check", str(self.image), *more, *words)

    def assert_says(self, answer: dict[str, Any], verdict: str, kind: str, *texts: str) -> None:
        """Fails unless the verdict is for these reasons, one for each text, and no others."""
        self.assertEqual(answer["verdict"], verdict, answer)
        self.assertEqual(len(answer[kind]), len(texts), answer)
        for text, reason in zip(texts, answer[kind], strict=True):
            self.assertIn(text, reason)
