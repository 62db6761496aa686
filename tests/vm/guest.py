# SPDX-License-Identifier: GPL-2.0
"""One running kernel, and what a story can ask of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import liveupdate, wire
from .agent import Hello, Port
from .errors import Failure, GuestGone
from .liveupdate import Entry
from .pci import Pci
from .session import Fd, Session

KHO = "/sys/kernel/debug/kho"
Request = Sequence[wire.Word]


@dataclass(frozen=True)
class StepCount:
    """How a step of a stress thread ended, by errno; 0 is success."""

    by_errno: dict[int, int]

    @property
    def ok(self) -> int:
        """How often it worked."""
        return self.by_errno.get(0, 0)


class Stress:
    """Requests repeated in a thread of the guest."""

    def __init__(self, guest: "Guest", name: str) -> None:
        self._guest = guest
        self._name = name

    def _counts(self, words: list[bytes]) -> list[StepCount]:
        pairs = ([part.split(":") for part in word.decode().split(",") if part] for word in words)
        return [StepCount({int(code): int(times) for code, times in step}) for step in pairs]

    def join(self, timeout: float) -> list[StepCount]:
        """Waits for the last pass."""
        return self._counts(self._guest.request("stress.join", self._name, timeout=timeout))

    def stop(self, timeout: float) -> list[StepCount]:
        """Ends it after the pass that it is in."""
        return self._counts(self._guest.request("stress.stop", self._name, timeout=timeout))


class Guest:
    """A kernel from its hello to the jump, or the end of the machine."""

    def __init__(
        self, port: Port, hello: Hello, timeout: float, address: Callable[[str], str]
    ) -> None:
        self._port: Port | None = port
        self._timeout = timeout
        self._address = address
        self._device: Fd | None = None
        self.hello = hello

    def leave(self) -> Port:
        """No more requests: this kernel is about to go."""
        port, self._port = self._port, None
        if port is None:
            raise GuestGone("this kernel was left already")
        return port

    def stay(self, port: Port) -> None:
        """The jump was refused: this kernel goes on."""
        self._port = port

    def request(self, *words: wire.Word, timeout: float | None = None) -> list[bytes]:
        """Any primitive of the agent; tests/agent/src/verbs.rs has them all."""
        if self._port is None:
            raise GuestGone(f"this kernel was left already: {wire.join(words)[:80]}")
        return self._port.request(timeout or self._timeout, *words)

    def new_fd(self, *words: wire.Word) -> Fd:
        """A request that answers with a file descriptor."""
        return Fd(self, int(self.request(*words)[0]))

    # Files

    def read(self, path: str) -> bytes:
        """A whole file."""
        return self.request("file.read", path)[0]

    def text(self, path: str) -> str:
        """A whole file as text, without the blanks around it."""
        return self.read(path).decode("utf-8", "replace").strip()

    def read_at(self, path: str, offset: int, length: int) -> bytes:
        """A part of a file."""
        return self.request("file.read_at", path, offset, length)[0]

    def write(self, path: str, data: str | bytes) -> None:
        """One write(2)."""
        self.request("file.write", path, data)

    def write_at(self, path: str, offset: int, data: bytes) -> None:
        """A part of a file."""
        self.request("file.write_at", path, offset, data)

    def names(self, path: str) -> list[str]:
        """The names in a directory."""
        return [name.decode() for name in self.request("file.list", path)]

    def mode(self, path: str) -> int:
        """Who may do what with a file."""
        return int(self.request("file.mode", path)[0])

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        return self.request("file.exists", path) == [b"1"]

    def readlink(self, path: str) -> str:
        """Where a symbolic link leads."""
        return self.request("file.readlink", path)[0].decode()

    def open(self, path: str, mode: str = "rw") -> Fd:
        """Opens a file: `r`, `w` or `rw`."""
        return self.new_fd("file.open", path, mode)

    def memfd(self, name: str) -> Fd:
        """Anonymous memory."""
        return self.new_fd("fd.memfd", name)

    # Live Update

    def _luo(self) -> Fd:
        # Only one at a time may have it open, so it stays open.
        if self._device is None:
            self._device = self.open("/dev/liveupdate")
        return self._device

    def create_session(self, name: str = "story") -> Session:
        """A session for the next kernel."""
        return Session(self, self.new_fd("luo.create", self._luo().number, name))

    def retrieve_session(self, name: str = "story") -> Session:
        """A session of the kernel before."""
        return Session(self, self.new_fd("luo.retrieve", self._luo().number, name))

    def outgoing_luo(self) -> bytes:
        """The `struct luo_ser` for the next kernel (handover.py reads on from there)."""
        return self.read(f"{KHO}/out/sub_fdts/LUO")

    def kho_fdt(self) -> bytes:
        """KHO's own description of the handover. Only a kernel that got none shows it."""
        return self.read(f"{KHO}/out/fdt")

    def outgoing(self) -> dict[str, Entry]:
        """The functions that are preserved for the next kernel, by BDF."""
        return liveupdate.entries(self.text(f"{liveupdate.DEBUGFS}/outgoing"))

    def incoming(self) -> dict[str, Entry]:
        """The functions that the kernel before preserved, by BDF."""
        return liveupdate.entries(self.text(f"{liveupdate.DEBUGFS}/incoming"))

    def stats(self) -> dict[str, int]:
        """What the core counted since it was booted."""
        return liveupdate.counters(self.text(f"{liveupdate.DEBUGFS}/stats"))

    # PCI

    def pci(self, device: str) -> Pci:
        """A function, by the id the machine gave it or by DOMAIN:BUS:SLOT.FUNCTION."""
        return Pci(self, device if device.count(":") == 2 else self._address(device))

    def rescan(self) -> None:
        """Looks for PCI functions again."""
        self.write("/sys/bus/pci/rescan", "1")

    # The kernel as a whole

    def log(self, worst: int = 7) -> list[str]:
        """The kernel's log up to a severity (4 are warnings, 7 everything), oldest first."""
        lines = []
        for line in self.request("kernel.log")[0].decode("utf-8", "replace").splitlines():
            level, _, text = line.removeprefix("<").partition(">")
            if level.isdigit() and int(level) & 7 <= worst:
                lines.append(text)
        return lines

    def said(self, text: str, worst: int = 7) -> list[str]:
        """The lines of the log with this in them."""
        return [line for line in self.log(worst) if text in line]

    def stress(self, name: str, passes: int, *steps: Request) -> Stress:
        """Repeats requests in a thread. `$N` in a step is what step N of the pass gave."""
        self.request("stress.start", name, passes, *(wire.join(step) for step in steps))
        return Stress(self, name)

    def leaks(self) -> str:
        """What KMEMLEAK suspects. Two scans: the first may see what is just being set up."""
        path = "/sys/kernel/debug/kmemleak"
        if not self.exists(path):
            raise Failure("this kernel cannot look for leaks")
        for _ in range(2):
            self.request("file.write", path, "scan", timeout=10 * self._timeout)
        return self.text(path)
