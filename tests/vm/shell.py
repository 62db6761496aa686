# SPDX-License-Identifier: GPL-2.0
"""A shell in a guest, in which a page of the documentation is typed word by word.

The programs are those of Debian (scripts/setup.sh): a shell with its commands, and kexec.
"""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from . import check, paths
from .errors import SetupError
from .guest import Guest

_TOOLS = "guest-tools"
_TYPED = "/tmp/typed"
_READY, _END = "ready", "status:"
_LINK = re.compile(r"=> (?P<library>/\S+)|^\s+(?P<loader>/\S+) \(")
_VARIES = [
    (re.compile(r"^(preserved|retrieved) 0x[0-9a-f]+$"), r"\1 0x..."),
    (re.compile(r"^\[ *\d+\.\d+\]"), "[time]"),
]


def programs() -> list[Path]:
    """The files for the initramfs: busybox, kexec, and the libraries of kexec."""
    tools = paths.existing(paths.cache() / _TOOLS, "make setup")
    kexec = tools / "sbin" / "kexec"
    libraries = tools / "usr" / "lib" / "x86_64-linux-gnu"
    env = {**os.environ, "LD_LIBRARY_PATH": str(libraries)}
    told = subprocess.run(["ldd", kexec], env=env, capture_output=True, text=True, check=True)
    if "not found" in told.stdout:
        raise SetupError(f"{kexec} lacks libraries:\n{told.stdout}")
    needed = (_LINK.search(line) for line in told.stdout.splitlines())
    found = [Path(link["library"] or link["loader"]) for link in needed if link]
    return [tools / "bin" / "busybox", kexec, *found]


@dataclass
class Typed:
    """A command, and what it is to print."""

    command: str
    output: list[str] = field(default_factory=list)

    @property
    def in_background(self) -> bool:
        """Whether the shell does not wait for it."""
        return self.command.endswith("&")

    @property
    def replaces_kernel(self) -> bool:
        """Whether there is no answer from this kernel."""
        return self.command == "kexec -e"


def commands(page: str) -> list[Typed]:
    """The commands in the `console` blocks of a page, in order."""
    found: list[Typed] = []
    in_block = False
    for line in page.splitlines():
        if line == ".. code-block:: console":
            in_block = True
        elif line and not line.startswith(" "):
            in_block = False
        elif in_block and line.startswith("  # "):
            found.append(Typed(line[4:]))
        elif in_block and line.strip():
            found[-1].output.append(line[2:])
    return found


def same_for_all(lines: list[str]) -> list[str]:
    """The lines without what differs between machines."""
    for pattern, instead in _VARIES:
        lines = [pattern.sub(instead, line) for line in lines]
    return lines


class Shell:
    """A shell that reads what is written to it."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        # Where the programs of a distribution are.
        script = f"""
            /busybox mkdir -p /bin /lib64 /boot
            /busybox --install -s /bin
            export PATH=/bin:/ LD_LIBRARY_PATH=/
            ln -sf /ld-linux-x86-64.so.2 /lib64
            ln -sf /kernel.* /boot/vmlinuz-$(uname -r)
            ln -sf /sys/firmware/initrd /boot/initrd.img-$(uname -r)
            mkfifo {_TYPED}
            echo {_READY}
            exec /busybox sh <>{_TYPED} 2>&1
        """
        self._process = guest.run("/busybox", "sh", "-c", f"({script})")
        check.equal("what the shell says", self._process.line(), _READY)

    def request(self, typed: Typed) -> tuple[str, ...]:
        """The request to the agent that types a command, and has its status printed."""
        return ("file.write", _TYPED, f'{typed.command}\necho "{_END} $?"\n')

    def type(self, typed: Typed, fails: bool = False) -> list[str]:
        """Types a command, and returns what it prints."""
        self._guest.request(*self.request(typed))
        lines: list[str] = []
        status = ""
        for line in self._process.lines():
            if line.startswith(_END):
                status = line.removeprefix(_END).strip()
            else:
                lines.append(line)
            # What is in the background may be later.
            if status and (not typed.in_background or len(lines) >= len(typed.output)):
                break
        what = f"{typed.command!r} fails, after it printed {lines}"
        check.equal(what, status != "0", fails)
        return lines
