# SPDX-License-Identifier: GPL-2.0
"""Has a machine do the same part of its boot again and again, each time with other memory.

    at_jump of Vm.live_update(stop_at=START)
        |
        +-- save -- change memory -- run to END -- look -- restore --+
                         ^                                           |
                         +-------------------------------------------+

QEMU saves and restores what is not memory, which it shares with the host (`x-ignore-shared`).
"""

from collections.abc import Callable
from pathlib import Path

from . import gdb, paths
from .errors import Failure
from .trace import Mark
from .vm import Vm

_TAG = "start"
_NODE = "snapshots"


class Rewind:
    """A machine that stands still at the function `start` of the kernel that is starting."""

    def __init__(self, vm: Vm, start: str, end: str) -> None:
        self._vm = vm
        symbols = paths.system_map(vm.config)
        self._start = gdb.symbol(symbols, start)
        self._end = gdb.symbol(symbols, end)
        self._log = gdb.symbol(symbols, "log_buf")
        self._log_size = gdb.symbol(symbols, "log_buf_len")
        self._make_node(vm.directory / "snapshots.qcow2")
        vm.debugger.break_at(self._end)
        capability = {"capability": "x-ignore-shared", "state": True}
        vm.qmp.command("migrate-set-capabilities", {"capabilities": [capability]})
        self._snapshot("save")
        self._ram = vm.ram.save()

    def _make_node(self, file: Path) -> None:
        qmp = self._vm.qmp
        options = {"driver": "file", "filename": str(file), "size": 0}
        qmp.job("blockdev-create", {"options": options})
        qmp.command(
            "blockdev-add", {"driver": "file", "filename": str(file), "node-name": "file"}
        )
        options = {"driver": "qcow2", "file": "file", "size": 1 << 30}
        qmp.job("blockdev-create", {"options": options})
        qmp.command("blockdev-add", {"driver": "qcow2", "file": "file", "node-name": _NODE})

    def _snapshot(self, action: str) -> None:
        arguments = {"tag": _TAG, "vmstate": _NODE, "devices": [_NODE]}
        self._vm.qmp.job(f"snapshot-{action}", arguments)

    def _read(self, address: int) -> int:
        """Eight bytes at an address of the kernel."""
        return int(self._vm.qmp.hmp(f"x /1gx {address:#x}").rpartition(":")[2], 16)

    def log(self) -> bytes:
        """The memory of the kernel's log: its lines, with binary data between them."""
        file = self._vm.directory / "log"
        size = self._read(self._log_size) & 0xFFFFFFFF
        # QMP has no numbers for such addresses.
        said = self._vm.qmp.hmp(f'memsave {self._read(self._log):#x} {size} "{file}"')
        if said:
            raise Failure(f"the log of the kernel cannot be read: {said}")
        return file.read_bytes()

    def run(self, change: Callable[[], None]) -> Mark:
        """Changes memory, and runs to the end. Returns where the config trace began.

        Called again, it begins from the start.
        """
        change()
        mark = self._vm.trace.mark()
        self._vm.debugger.resume()
        self._vm.debugger.wait(self._vm.limits.boot)
        return mark

    def back(self) -> None:
        """Back to the start."""
        self._vm.ram.restore(self._ram)
        self._snapshot("load")

    def leave(self) -> None:
        """The machine is at the start for the last time, and goes on by itself."""
        self._vm.debugger.break_at(self._start)
