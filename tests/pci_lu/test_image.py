# SPDX-License-Identifier: GPL-2.0
"""check: images that state nothing, or are none."""

import random
import struct

from .fake import STATEMENT, Case, chunk, image, lines


class Image(Case):
    """What can be wrong with an image."""

    def cannot_tell(self, data: bytes, *texts: str) -> None:
        """This image gives no answer, for these reasons."""
        self.image.write_bytes(data)
        self.assert_says(self.check(), "cannot tell", "cannot_tell", *texts)

    def test_none(self) -> None:
        """Files that are no image."""
        for data in (b"", b"HdrS", bytes(4096), b"\x7fELF" + bytes(8192)):
            self.cannot_tell(data, "is not a bzImage")

    def test_missing(self) -> None:
        """No file at all."""
        self.image.unlink()
        self.assert_says(self.check(), "cannot tell", "cannot_tell", "cannot be read")

    def test_silent(self) -> None:
        """A kernel of somebody else, or without KHO."""
        self.cannot_tell(image(b""), "states nothing")
        self.cannot_tell(image(chunk(b"ABCD", b"other")), "states nothing")
        self.cannot_tell(image(b"", protocol=0x020E), "states nothing")

    def test_old(self) -> None:
        """A boot protocol from before kexec_file_load(2)."""
        self.cannot_tell(image(b"", protocol=0x0200), "old kernel")

    def test_other_chunks(self) -> None:
        """They are skipped."""
        mine = chunk(b"LvUp", lines(STATEMENT))
        self.image.write_bytes(image(chunk(b"ABCD", b"xyz") + mine + chunk(b"EFGH", b"")))
        self.assert_says(self.check(), "yes", "warnings")

    def test_damaged(self) -> None:
        """Chunks that do not end where they say."""
        mine = chunk(b"LvUp", lines(STATEMENT))
        for length in (0, 7, len(mine) + 1, 0xFFFFFFFF):
            data = mine[:4] + struct.pack("<I", length) + mine[8:]
            self.cannot_tell(image(data), "is damaged")
        self.cannot_tell(image(mine + b"LvU"), "is damaged")
        self.cannot_tell(image(chunk(b"LvUp", b"\xff\xfe=")), "is damaged")

    def test_truncated(self) -> None:
        """Part of an image."""
        data = image(chunk(b"LvUp", lines(STATEMENT)))
        self.cannot_tell(data[:-1], "is damaged")
        self.cannot_tell(data[:3000], "is truncated")

    def test_any_truncation_and_flip(self) -> None:
        """No bytes make the tool fail, and no truncation makes it say yes."""
        data = image(chunk(b"LvUp", lines(STATEMENT)))
        for size in range(0, len(data), 97):
            self.image.write_bytes(data[:size])
            self.assertEqual(self.check()["verdict"], "cannot tell", size)
        chance = random.Random(1)
        for _ in range(200):
            flipped = bytearray(data)
            flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            self.image.write_bytes(flipped)
            self.assertNotIn("bug", str(self.check()["cannot_tell"]))

    def test_not_loadable(self) -> None:
        """A 32-bit kernel, which KHO cannot hand over to."""
        self.image.write_bytes(image(chunk(b"LvUp", lines(STATEMENT)), xloadflags=0))
        self.assert_says(self.check(), "no", "no", "kexec_file_load(2)")

    def test_modinfo(self) -> None:
        """The same statement, from modules.builtin.modinfo."""
        modinfo = self.root / "modules.builtin.modinfo"
        records = [f"luo.{line}" for line in STATEMENT] + ["e1000e.license=GPL"]
        modinfo.write_text("".join(f"{record}\0" for record in records), encoding="ascii")
        self.image.write_bytes(image(b""))
        self.assert_says(self.check("--modinfo", str(modinfo)), "yes", "warnings")
        self.image.write_bytes(image(chunk(b"LvUp", lines(STATEMENT[:-1]))))
        answer = self.check("--modinfo", str(modinfo))
        self.assert_says(answer, "cannot tell", "cannot_tell", "not of the same kernel")
        modinfo.write_text("e1000e.license=GPL\0", encoding="ascii")
        answer = self.check("--modinfo", str(modinfo))
        self.assert_says(answer, "cannot tell", "cannot_tell", "states nothing")
