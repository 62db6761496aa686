# SPDX-License-Identifier: GPL-2.0
"""decode, on the golden blobs; and the help."""

import contextlib
import io
import json
import struct
from pathlib import Path
from typing import Any

from .fake import TOOL, TOP, Case, tool

GOLDEN = TOP / "abi" / "golden"


class Golden(Case):
    """Blobs that mean what is written beside them."""

    def golden(self, directory: Path, *words: str) -> None:
        """Decodes all of a directory, accepted and refused."""
        refused = 0
        manifest = (directory / "MANIFEST").read_text(encoding="ascii").splitlines()
        for line in manifest:
            _, size, name, _ = line.split(" ", 3)
            blob = str(directory / f"{name}.bin")
            code = self.run_tool("decode", *words, blob, "--size", size)
            expected = (directory / f"{name}.txt").read_text(encoding="ascii")
            if expected.startswith("refused"):
                self.assertEqual((code, self.out), (1, f"no: {expected}no\n"), name)
                refused += 1
            else:
                self.assertEqual((code, self.out), (0, f"{expected}yes\n"), name)
        self.assertTrue(0 < refused < len(manifest))


class Decode(Golden):
    """The list of pci-v3."""

    def test_golden(self) -> None:
        """All blobs that are arrays."""
        self.golden(GOLDEN)

    def test_json(self) -> None:
        """The same for machines."""
        blob = str(GOLDEN / "switch.bin")
        self.assertEqual(self.run_tool("decode", blob, "--size", "4096", "--json"), 0)
        answer = json.loads(self.out)
        self.assertEqual(answer["nr_devices"], 7)
        first = {"offset": 8, "function": "0000:04:00.0", "count": 1}
        self.assertEqual(answer["devices"][0], first)

    def test_no_list(self) -> None:
        """Too short, missing, and a size that is none."""
        self.image.write_bytes(b"\0" * 7)
        self.assertEqual(self.run_tool("decode", str(self.image)), 2)
        self.assertEqual(self.run_tool("decode", str(self.root / "missing")), 2)
        for size in ("6", "99999999999"):
            self.assertEqual(self.run_tool("decode", str(self.image), "--size", size), 2)


class Blocks(Golden):
    """A list that is spread over pages, the first one with the head at 0x1000."""

    def blocks(
        self,
        *blocks: tuple[int, list[tuple[int, int]]],
        version: int = 2,
        number: int | None = None,
    ) -> tuple[int, str]:
        """Decodes a head and blocks: the page that a block leads to (-1: none), and its entries."""
        used = sum(count > 0 for _, entries in blocks for _, count in entries)
        first = 0x2000 if blocks else 0
        data = struct.pack("=IIQ", version, used if number is None else number, first)
        pages = [data.ljust(4096, b"\0")]
        for following, entries in blocks:
            address = 0x2000 + 4096 * following if following >= 0 else 0
            page = struct.pack("=QQ", address, len(entries))
            page += b"".join(struct.pack("=IHH", 0, bdf, count) for bdf, count in entries)
            pages.append(page[:4096].ljust(4096, b"\0"))
        self.image.write_bytes(b"".join(pages))
        code = self.run_tool("decode", "--format", "pci", str(self.image))
        return code, self.out

    def refused(self, answer: tuple[int, str], text: str) -> None:
        """Fails unless the list is refused with these words."""
        self.assertEqual(answer[0], 1, answer)
        self.assertIn(f"refused {text}", answer[1])

    def test_golden(self) -> None:
        """All blobs that are lists of blocks."""
        self.golden(GOLDEN / "pci", "--format", "pci")

    def test_accepted(self) -> None:
        """Two blocks with a free entry, one without bridges, and none."""
        code, out = self.blocks((1, [(0x0300, 1), (0x0400, 0)]), (-1, [(0x0500, 2)]))
        lines = ["version 2", "nr_devices 2", "block 0 count 2", "block 1 count 1",
                 "0 16 0000:03:00.0 1", "1 16 0000:05:00.0 2", "yes"]  # fmt: skip
        self.assertEqual((code, out.splitlines()), (0, lines))
        self.assertEqual(self.blocks((-1, [(0x0300, 1)]), version=1)[0], 0)
        self.assertEqual(self.blocks(), (0, "version 2\nnr_devices 0\nyes\n"))

    def test_refused(self) -> None:
        """Each check of the next kernel."""
        one = [(0x0300, 1)]
        self.refused(self.blocks((-1, one), version=3), "at offset 0: expected version 1 or 2")
        self.refused(self.blocks((7, one)), "at block 1: expected memory preserved by KHO")
        self.refused(self.blocks((1, one), (0, one)), "at block 2: expected each block once")
        self.refused(self.blocks((-1, [])), "at offset 8 of block 0: expected 1 to 510 entries")
        self.refused(self.blocks((-1, one * 511)), "at offset 8 of block 0: expected 1 to 510")
        self.refused(self.blocks((-1, one), number=2), "at offset 4: expected nr_devices = 1")
        self.refused(self.blocks((-1, one * 2)), "at offset 24 of block 0: expected each function")
        self.refused(
            self.blocks((-1, [(0x0300, 2)]), version=1), "at offset 16 of block 0: expected a count"
        )

    def test_at(self) -> None:
        """Elsewhere, addresses mean something else."""
        self.blocks((-1, [(0x0300, 1)]))
        words = ("decode", "--format", "pci", str(self.image), "--at")
        self.assertEqual(self.run_tool(*words, "0x1000"), 0)
        self.assertEqual(self.run_tool(*words, "0x7000"), 1)

    def test_short(self) -> None:
        """No head."""
        self.image.write_bytes(bytes(15))
        self.assertEqual(self.run_tool("decode", "--format", "pci", str(self.image)), 2)


class Identity(Golden):
    """The record of what devices are."""

    def test_golden(self) -> None:
        """All blobs that are records."""
        self.golden(GOLDEN / "identity", "--format", "pci-identity-v1")

    def decode(self, *entries: bytes, number: int | None = None) -> dict[str, Any]:
        """Decodes these entries, of which those with flags are used."""
        used = sum(entry[6] != 0 for entry in entries) if number is None else number
        data = struct.pack("=II", len(entries), used) + b"".join(entries)
        self.image.write_bytes(data)
        self.run_tool("decode", "--format", "pci-identity-v1", "--json", str(self.image))
        answer: dict[str, Any] = json.loads(self.out)
        return answer

    def entry(self, bdf: int, flags: int, reserved: int = 0) -> bytes:
        """An entry for a network card."""
        card = struct.pack("=IHBBHHHHIH", 0, bdf, flags, 0, 0x8086, 0x10D3, 1, 2, 0x02000003, 0x1D)
        return card + bytes(3) + bytes([reserved]) + bytes(6)

    def test_accepted(self) -> None:
        """Used and free entries."""
        answer = self.decode(self.entry(0x0100, 7), bytes(32), self.entry(0x0200, 1))
        self.assert_says(answer, "yes", "warnings")
        first, second = answer["devices"]
        self.assertEqual((first["function"], first["device"]), ("0000:01:00.0", "8086:10d3"))
        self.assertEqual((first["class"], first["revision"]), ("0x020000", "0x03"))
        self.assertEqual((first["dma"], first["acs"], first["ari"]), (1, "0x001d", 0))
        self.assertEqual((second["offset"], second["acs"], second["dma"]), (72, None, 0))

    def test_ignored(self) -> None:
        """Each reason for which the next kernel ignores it."""
        one = self.entry(0x0100, 1)
        self.assert_says(self.decode(one, number=2), "no", "no", "at offset 4: expected nr = 1")
        self.assert_says(self.decode(one, one), "no", "no", "at offset 40: expected each function")
        for entry in (self.entry(1, 0x11), self.entry(1, 2), self.entry(1, 1, reserved=1)):
            self.assert_says(self.decode(entry), "no", "no", "at offset 8: expected known flags")
        words = ("decode", "--format", "pci-identity-v1", str(self.image))
        self.image.write_bytes(struct.pack("=II", 2, 0) + one)
        self.assertEqual(self.run_tool(*words), 1)
        self.assertIn("at offset 0: expected max_nr <= 1, found 2", self.out)
        self.image.write_bytes(b"1234")
        self.assertEqual(self.run_tool(*words), 2)


class Help(Case):
    """What the tool says about itself."""

    def test_help(self) -> None:
        """Each command explains itself and its exit codes."""
        for command in ("check", "status", "explain", "decode", "collect"):
            stdout = io.StringIO()
            with contextlib.redirect_stdout(stdout), self.assertRaises(SystemExit) as done:
                tool.main([command, "--help"])
            self.assertEqual(done.exception.code, 0)
            self.assertIn("Exit codes: 0 yes, 1 no, 2 cannot tell", stdout.getvalue())
            self.assertIn("--json", stdout.getvalue())

    def test_usage(self) -> None:
        """Wrong usage is no answer."""
        both = ["check", "x", "--cmdline", "", "--reuse-cmdline"]
        for words in ([], ["check"], ["explode"], both):
            with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit) as done:
                tool.main(words)
            self.assertEqual(done.exception.code, 2)

    def test_bug(self) -> None:
        """An exception is no "no"."""
        self.write("sys/kernel/debug/pci_liveupdate/formats", "kho kho-v4\n")
        (self.root / "sys/bus/pci/devices").rename(self.root / "gone")
        self.assertEqual(self.run_tool("explain", "01:00.0", "--root", str(self.root)), 2)

    def test_one_file(self) -> None:
        """It runs without anything beside it."""
        text = TOOL.read_text(encoding="utf-8")
        self.assertTrue(text.startswith("#!/usr/bin/env python3\n"))
        self.assertEqual(TOOL.stat().st_mode & 0o111, 0o111)
