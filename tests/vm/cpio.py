# SPDX-License-Identifier: GPL-2.0
"""Initramfs archives in the `newc` format (Documentation/driver-api/early-userspace)."""

import stat
from dataclasses import dataclass, field


@dataclass
class Archive:
    """An archive. The same entries in the same order produce the same bytes."""

    _data: bytearray = field(default_factory=bytearray)
    _inode: int = 0

    def _pad(self) -> None:
        self._data += bytes(-len(self._data) % 4)

    def _entry(
        self, name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)
    ) -> None:
        self._inode += 1
        encoded = name.encode() + b"\0"
        fields = [
            self._inode, mode, 0, 0, 1, 0, len(content),
            0, 0, *device, len(encoded), 0,
        ]  # fmt: skip
        self._data += b"070701" + b"".join(b"%08x" % value for value in fields)
        self._data += encoded
        self._pad()
        self._data += content
        self._pad()

    def directory(self, name: str) -> None:
        """An empty directory."""
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name: str, content: bytes, mode: int = 0o644) -> None:
        """A regular file."""
        self._entry(name, stat.S_IFREG | mode, content)

    def character(self, name: str, major: int, minor: int) -> None:
        """A character device: init needs a console before it can mount /dev."""
        self._entry(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def close(self) -> bytes:
        """The complete archive."""
        self._entry("TRAILER!!!", 0)
        return bytes(self._data)
