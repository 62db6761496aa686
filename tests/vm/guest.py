# SPDX-License-Identifier: GPL-2.0
"""A running kernel, and the requests that a scenario can send to it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from . import liveupdate, wire
from .agent import Hello, Port
from .errors import Failure, GuestGone
from .liveupdate import Entry
from .pci import Pci
from .session import Eventfd, Fd, Session

KHO = "/sys/kernel/debug/kho"
Request = Sequence[wire.Word]


@dataclass(frozen=True)
class StepCount:
    """The results of a step of a stress thread, by errno; 0 is success."""

    by_errno: dict[int, int]

    @property
    def ok(self) -> int:
        """How often it succeeded."""
        return self.by_errno.get(0, 0)


class Stress:
    """Requests that a thread of the guest repeats."""

    def __init__(self, guest: "Guest", name: str) -> None:
        self._guest = guest
        self._name = name

    def _counts(self, words: list[bytes]) -> list[StepCount]:
        pairs = ([part.split(":") for part in word.decode().split(",") if part] for word in words)
        return [StepCount({int(code): int(times) for code, times in step}) for step in pairs]

    def join(self, timeout: float) -> list[StepCount]:
        """Waits until all passes are done."""
        return self._counts(self._guest.request("stress.join", self._name, timeout=timeout))

    def stop(self, timeout: float) -> list[StepCount]:
        """Stops after the current pass."""
        return self._counts(self._guest.request("stress.stop", self._name, timeout=timeout))


class Process:
    """A program that is running. Kexec ends it."""

    def __init__(self, guest: "Guest", number: int) -> None:
        self._guest = guest
        self._number = number

    def line(self) -> str:
        """Waits for the next line of its output, which is empty if it has ended."""
        return next(self.lines(), "")

    def lines(self) -> Iterator[str]:
        """All further lines of its output, until it has ended."""
        while line := self._guest.request("process.line", self._number)[0]:
            yield line.decode("utf-8", "replace").rstrip()

    def kill(self) -> None:
        """Kills it."""
        self._guest.request("process.kill", self._number)

    def wait(self) -> int:
        """Waits for its end, and returns its status."""
        return int(self._guest.request("process.wait", self._number)[0])


class Guest:
    """A kernel, from the greeting of its agent to the next kexec or the end of the machine."""

    def __init__(
        self, port: Port, hello: Hello, timeout: float, address: Callable[[str], str]
    ) -> None:
        self._port: Port | None = port
        self._timeout = timeout
        self._address = address
        self._device: Fd | None = None
        self._before: Request = []
        self.hello = hello

    def leave(self) -> Port:
        """Sends no more requests: this kernel is about to be replaced."""
        port, self._port = self._port, None
        if port is None:
            raise GuestGone("this kernel was left already")
        return port

    def stay(self, port: Port) -> None:
        """The kexec was refused: this kernel goes on."""
        self._port = port

    def request(self, *words: wire.Word, timeout: float | None = None) -> list[bytes]:
        """Calls a verb of the agent; tests/agent/src/verbs.rs has them all."""
        if self._port is None:
            raise GuestGone(f"this kernel was left already: {wire.join(words)[:80]}")
        return self._port.request(timeout or self._timeout, *self._before, *words)

    def jump(self, fault: int = 0) -> int:
        """Sends the request to execute kexec, and returns its number."""
        before: list[wire.Word] = ["fault.nth", fault] if fault else []
        return self.leave().send(*before, "kernel.kexec")

    @contextmanager
    def fault(self, nth: int, rest: bool = False) -> Iterator[None]:
        """In each request of this block, an allocation fails: the Nth of those of its thread.

        With `rest`, all after it do so as well.
        """
        self._before = ["fault.rest" if rest else "fault.nth", nth]
        try:
            yield
        finally:
            self._before = []

    @property
    def fault_left(self) -> int:
        """How many more allocations the last such request would have had to make; 0: one failed."""
        return int(self.request("fault.left")[0])

    def new_fd(self, *words: wire.Word) -> Fd:
        """A request that returns a file descriptor."""
        return Fd(self, int(self.request(*words)[0]))

    # Files

    def read(self, path: str) -> bytes:
        """Reads a file."""
        return self.request("file.read", path)[0]

    def text(self, path: str) -> str:
        """Reads a file as text, without whitespace at its ends."""
        return self.read(path).decode("utf-8", "replace").strip()

    def read_at(self, path: str, offset: int, length: int) -> bytes:
        """Reads a part of a file."""
        return self.request("file.read_at", path, offset, length)[0]

    def write(self, path: str, data: str | bytes) -> None:
        """Does one write(2)."""
        self.request("file.write", path, data)

    def write_at(self, path: str, offset: int, data: bytes) -> None:
        """A part of a file."""
        self.request("file.write_at", path, offset, data)

    def names(self, path: str) -> list[str]:
        """Lists a directory."""
        return [name.decode() for name in self.request("file.list", path)]

    def mode(self, path: str) -> int:
        """The mode of a file."""
        return int(self.request("file.mode", path)[0])

    def exists(self, path: str) -> bool:
        """Whether a file exists."""
        return self.request("file.exists", path) == [b"1"]

    def readlink(self, path: str) -> str:
        """The target of a symbolic link."""
        return self.request("file.readlink", path)[0].decode()

    def open(self, path: str, mode: str = "rw") -> Fd:
        """Opens a file: `r`, `w` or `rw`."""
        return self.new_fd("file.open", path, mode)

    def memfd(self, name: str) -> Fd:
        """Creates a memfd."""
        return self.new_fd("fd.memfd", name)

    def eventfd(self) -> Eventfd:
        """Creates an eventfd."""
        return Eventfd(self, int(self.request("fd.eventfd")[0]))

    def run(self, program: str, *arguments: str) -> Process:
        """Starts a program of the machine."""
        return Process(self, int(self.request("process.start", program, *arguments)[0]))

    # Live Update

    def luo(self) -> Fd:
        """/dev/liveupdate. Only one process can have it open, so it stays open."""
        if self._device is None:
            self._device = self.open("/dev/liveupdate")
        return self._device

    def create_session(self, name: str = "story") -> Session:
        """Creates a session for the next kernel."""
        return Session(self, self.new_fd("luo.create", self.luo().number, name))

    def retrieve_session(self, name: str = "story") -> Session:
        """Retrieves a session of the previous kernel."""
        return Session(self, self.new_fd("luo.retrieve", self.luo().number, name))

    def outgoing_luo(self) -> bytes:
        """The address of the `struct luo_ser` for the next kernel, for handover.py."""
        return self.read(f"{KHO}/out/sub_fdts/LUO")

    def kho_fdt(self) -> bytes:
        """The device tree of KHO for the next kernel. A kernel that got one does not show it."""
        return self.read(f"{KHO}/out/fdt")

    def outgoing(self) -> dict[str, Entry]:
        """The functions that are preserved for the next kernel, by BDF."""
        return liveupdate.entries(self.text(f"{liveupdate.DEBUGFS}/outgoing"))

    def incoming(self) -> dict[str, Entry]:
        """The functions that the previous kernel preserved, by BDF."""
        return liveupdate.entries(self.text(f"{liveupdate.DEBUGFS}/incoming"))

    def formats(self) -> dict[str, list[str]]:
        """The formats of the handover by kind: kho, luo, writes, reads."""
        return liveupdate.formats(self.text(f"{liveupdate.DEBUGFS}/formats"))

    def stats(self) -> dict[str, int]:
        """The counters of the core since boot."""
        return liveupdate.counters(self.text(f"{liveupdate.DEBUGFS}/stats"))

    # PCI

    def pci(self, device: str) -> Pci:
        """A function, by the id of its `-device` or as DOMAIN:BUS:SLOT.FUNCTION."""
        return Pci(self, device if device.count(":") == 2 else self._address(device))

    def rescan(self) -> None:
        """Rescans the PCI buses."""
        self.write("/sys/bus/pci/rescan", "1")

    # The kernel as a whole

    def log(self, worst: int = 7) -> list[str]:
        """The kernel log up to a severity (4: warnings, 7: everything), oldest line first."""
        lines = []
        for line in self.request("kernel.log")[0].decode("utf-8", "replace").splitlines():
            level, _, text = line.removeprefix("<").partition(">")
            if level.isdigit() and int(level) & 7 <= worst:
                lines.append(text)
        return lines

    def said(self, text: str, worst: int = 7) -> list[str]:
        """The lines of the log that contain this text."""
        return [line for line in self.log(worst) if text in line]

    def load_module(self, name: str, arguments: str = "") -> None:
        """Loads a module of the machine."""
        self.request("kernel.load_module", f"/{name}.ko", arguments)

    def unload_module(self, name: str) -> None:
        """Unloads a module, unless it is in use."""
        self.request("kernel.unload_module", name.replace("-", "_"))

    def stress(self, name: str, passes: int, *steps: Request) -> Stress:
        """Repeats requests in a thread. `$N` in a step is the result of step N of the same pass."""
        self.request("stress.start", name, passes, *(wire.join(step) for step in steps))
        return Stress(self, name)

    def leaks(self) -> str:
        """What KMEMLEAK reports. The first of two scans may report what is being set up."""
        path = "/sys/kernel/debug/kmemleak"
        if not self.exists(path):
            raise Failure("this kernel cannot look for leaks")
        for _ in range(2):
            self.request("file.write", path, "scan", timeout=10 * self._timeout)
        return self.text(path)
