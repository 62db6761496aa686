# SPDX-License-Identifier: GPL-2.0
"""Copies what scripts/pci-lu reads from a guest to a directory, and asks the tool about it.

A guest has no Python. An operator does the same for a system that is not at hand.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from .errors import Failure
from .guest import Guest
from .paths import TESTS

TOOL = TESTS.parent / "scripts" / "pci-lu"
VERDICTS = ["yes", "no", "cannot tell"]

CORE = "/sys/kernel/debug/pci_liveupdate"
_FILES = (
    "/proc/cmdline",
    *(f"{CORE}/{name}" for name in ("eligible", "formats", "incoming", "outgoing", "stats")),
    "/sys/kernel/debug/liveupdate/incoming",
    "/sys/kernel/debug/liveupdate/outgoing",
)
_DEVICES = "/sys/bus/pci/devices"
_GROUPS = "/sys/kernel/iommu_groups"


class Bundle:
    """The files of a guest at one moment."""

    def __init__(self, guest: Guest, root: Path) -> None:
        self.guest = guest
        self.root = root
        shutil.rmtree(root, ignore_errors=True)
        for path in _FILES:
            self._copy(path)
        for bdf in guest.names(_DEVICES):
            self._device(f"{_DEVICES}/{bdf}")

    def _at(self, path: str) -> Path:
        at = self.root / path.lstrip("/")
        at.parent.mkdir(parents=True, exist_ok=True)
        return at

    def _copy(self, path: str) -> None:
        self._at(path).write_bytes(self.guest.read(path))

    def _link(self, path: str) -> None:
        """Links in sysfs are relative."""
        self._at(path).symlink_to(self.guest.readlink(path))

    def _device(self, path: str) -> None:
        self._link(path)
        at = self._at(path)
        target = at.parent / at.readlink()
        target.mkdir(parents=True, exist_ok=True)
        real = f"/{target.resolve().relative_to(self.root.resolve())}"
        names = self.guest.names(path)
        for name in ("driver", "iommu_group", "physfn"):
            if name in names:
                self._link(f"{real}/{name}")
        if "sriov_numvfs" in names:
            self._copy(f"{real}/sriov_numvfs")
        if "iommu_group" in names:
            self._group(f"{_GROUPS}/{Path(self.guest.readlink(f'{real}/iommu_group')).name}")

    def _group(self, path: str) -> None:
        if self._at(f"{path}/type").exists():
            return
        self._copy(f"{path}/type")
        for bdf in self.guest.names(f"{path}/devices"):
            self._link(f"{path}/devices/{bdf}")

    def ask(self, command: str, *words: str | Path) -> dict[str, Any]:
        """Runs a command of the tool on these files. The exit code must fit the answer."""
        line = [str(TOOL), command, "--json", "--root", str(self.root), *map(str, words)]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        if done.returncode not in range(len(VERDICTS)) or done.stderr:
            raise Failure(f"pci-lu {command} ended with {done.returncode}: {done.stderr}")
        answer: dict[str, Any] = json.loads(done.stdout)
        if answer["verdict"] != VERDICTS[done.returncode]:
            raise Failure(f"pci-lu {command}: {answer['verdict']} with status {done.returncode}")
        return answer
