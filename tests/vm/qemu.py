# SPDX-License-Identifier: GPL-2.0
"""A QEMU process with its ports, its memory and its logs."""

import os
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from .clock import Clock
from .net import Cable

BINARY = "qemu-system-x86_64"

# isa-debug-exit turns V into exit status 2 * V + 1. V is not 0: QEMU's own
# failures exit with 1, and everything else (a panic, a reset) with 0.
EXIT_VALUE = 42
EXIT_STATUS = 2 * EXIT_VALUE + 1

_running: set[subprocess.Popen[bytes]] = set()
_running_lock = threading.Lock()
_interrupted = threading.Event()


def kill_all() -> None:
    """Kills every machine of this process, on an interrupt."""
    # No lock: this runs in a signal handler, and the interrupted thread may hold it.
    _interrupted.set()
    for process in list(_running):
        process.kill()


class Qemu:
    """Runs from construction to `kill()`."""

    def __init__(
        self,
        directory: Path,
        memory: int,
        arguments: Sequence[str],
        cables: Mapping[str, Cable] = MappingProxyType({}),
    ) -> None:
        self.directory = directory
        self.console = directory / "console.log"
        self.trace = directory / "config-trace.log"
        self.memory_size = memory << 20
        self.memory_fd = os.memfd_create("guest")
        os.ftruncate(self.memory_fd, self.memory_size)
        self.agent, guest_agent = socket.socketpair()
        self.qmp, guest_qmp = socket.socketpair()
        for file in (self.console, self.trace):
            file.write_bytes(b"")

        theirs = [self.memory_fd, guest_agent.fileno(), guest_qmp.fileno()]
        command = [BINARY, *self._wiring(*theirs), *arguments]
        for name, cable in cables.items():
            command += cable.netdev(name)
            theirs.append(cable.fd)
        (directory / "qemu.args").write_text("\n".join(command) + "\n", encoding="utf-8")
        with (directory / "qemu.log").open("wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=directory, pass_fds=theirs,
            )  # fmt: skip
        self.clock = Clock.of(self.process.pid)
        for cable in cables.values():
            cable.plugged()
        guest_agent.close()
        guest_qmp.close()
        with _running_lock:
            _running.add(self.process)
        if _interrupted.is_set():
            self.process.kill()

    def _wiring(self, memory: int, agent: int, qmp: int) -> list[str]:
        """The arguments for every machine. The console goes to a file, the agent has a port."""
        size = self.memory_size
        path = f"/proc/self/fd/{memory}"
        return [
            "-M", "q35,memory-backend=ram",
            # Shared, so that the host can read and damage guest memory (ram.py).
            "-object", f"memory-backend-file,id=ram,size={size},mem-path={path},share=on",
            "-m", f"{size >> 20}M",
            "-nodefaults", "-display", "none", "-no-reboot",
            "-chardev", f"file,id=console,path={self.console.name}",
            "-serial", "chardev:console",
            "-chardev", f"socket,id=agent,fd={agent}",
            "-serial", "chardev:agent",
            "-chardev", f"socket,id=qmp,fd={qmp}",
            "-mon", "chardev=qmp,mode=control",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
            # The kernel has pciehp, but no acpiphp.
            "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
            "-trace", "pci_cfg_write", "-D", self.trace.name,
        ]  # fmt: skip

    def wait(self, timeout: float) -> int:
        """The exit status."""
        with self.clock.limit(timeout, "the end of the machine") as limit:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    return self.process.wait(limit.pause())

    def log_tail(self) -> str:
        """The output of QEMU."""
        text = (self.directory / "qemu.log").read_text(errors="replace").strip()
        return "\n".join(text.splitlines()[-5:])

    def kill(self) -> None:
        """Kills it and releases everything."""
        self.process.kill()
        self.process.wait()
        with _running_lock:
            _running.discard(self.process)
        self.agent.close()
        self.qmp.close()
        os.close(self.memory_fd)
