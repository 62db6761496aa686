# SPDX-License-Identifier: GPL-2.0
"""A machine of a scenario: boots it, replaces its kernels, observes it from outside."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from . import gdb, image, paths, shell, wire
from .agent import Hello, Port
from .console import Console
from .errors import CheckFailed, Failure, GuestError, HandoverLost, SetupError
from .guest import Guest
from .machine import Device, Machine
from .net import Cable
from .profile import Profile, command_line, profile
from .qemu import EXIT_STATUS, EXIT_VALUE, Qemu
from .qmp import Qmp
from .ram import GuestRam
from .trace import ConfigTrace

# Where a kernel can be stopped during kexec. The handover is written, no device is
# shut down yet:
SHUTDOWN = "device_shutdown"
# The last function that runs in its own address space: devices are shut down, and the
# handover is not checked again.
LAST_FUNCTION = "machine_kexec"
# Where a kernel without KASLR maps its own image.
KERNEL_MAP = 0xFFFF_FFFF_8000_0000


class Vm:
    """A machine, from before its first kernel to after its last one."""

    console: Console
    trace: ConfigTrace
    ram: GuestRam
    qmp: Qmp
    cables: dict[str, Cable]
    debugger: gdb.Gdb
    """While `at_jump` is called."""
    _qemu: Qemu
    _port: Port
    _map: Path

    def __init__(
        self, machine: Machine, config: str, directory: Path, accel: Sequence[str]
    ) -> None:
        self.machine = machine
        self.config = config
        self.directory = directory
        self._accel = accel
        self._kernels = {config, *machine.kernels}
        self._kernel = config
        self._guest: Guest | None = None
        self._started = time.monotonic()
        self._story = (directory / "story.log").open("w", encoding="utf-8", buffering=1)
        self.narrate: Callable[[str], None] = lambda _line: None
        self.patience: float | None = None
        """In seconds, if the deadlines of the profile are too long."""
        self._told = 0
        self.live_updates = 0
        """The number of live updates that were confirmed."""
        self.remarks: list[str] = []
        self.tries: list[tuple[str, str, Mapping[str, int]]] = []

    def __enter__(self) -> "Vm":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        err: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.booted:
            self._port.close()
            self._qemu.kill()
            self.ram.close()
            for cable in self.cables.values():
                cable.close()
        self._story.close()

    @property
    def booted(self) -> bool:
        """Whether the machine is running."""
        return hasattr(self, "_port")

    @property
    def limits(self) -> Profile:
        """The profile of the largest kernel that the scenario may run."""
        heaviest = max((profile(name) for name in self._kernels), key=lambda item: item.memory)
        return heaviest.within(self.patience) if self.patience else heaviest

    # Steps

    def step(self, text: str) -> None:
        """Describes the next step."""
        line = f"{time.monotonic() - self._started:6.1f} s  {text}"
        self._story.write(line + "\n")
        if self.booted:
            self._port.note(f"# {text}")
        self.narrate(line)

    def remark(self, text: str) -> None:
        """A step whose result is told with that of the scenario."""
        self.remarks.append(text)
        self.step(text)

    def tried(self, command: str, part: str, counts: Mapping[str, int]) -> None:
        """How often something was tried, which is kept if the scenario passes (left.py)."""
        self.tries.append((command, part, counts))

    def _command_line(self, kernel: str, arguments: str) -> str:
        machine = self.machine
        scratch = self.limits.scratch
        self._told += 1
        leaks = machine.leaks == self._told
        return command_line(kernel, scratch, leaks, machine.arguments, arguments)

    def _accelerator(self) -> list[str]:
        """The arguments for how the CPUs run.

        If each has a thread, TCG of QEMU 7.2 sometimes executes what another CPU has just replaced:
        a kernel that patches its code dies of an int3 that is not there any more.
        """
        if self.machine.cpus == 1:
            return list(self._accel)
        return ["tcg,thread=single" if item == "tcg" else item for item in self._accel]

    def boot(self, arguments: str = "") -> Guest:
        """Starts the machine. Returns when the agent of the first kernel is running."""
        self.step(f"a machine is switched on, kernel {self.config}")
        files = [paths.program(self.config, name) for name in self.machine.programs]
        if self.machine.shell:
            files += shell.programs()
        for config, names in self.machine.modules.items():
            files += [paths.module(config, name) for name in names]
        command = [
            *self._accelerator(),
            "-smp", str(self.machine.cpus),
            *image.arguments(self.config, self.directory, self._kernels, files),
            "-append", self._command_line(self.config, arguments),
            *self._drives(),
            *self.machine.device_arguments(),
            *self.machine.qemu,
        ]  # fmt: skip
        self.cables = {name: Cable() for name in self.machine.cables}
        memory = self.machine.memory or self.limits.memory
        self._qemu = Qemu(self.directory, memory, command, self.cables)
        clock = self._qemu.clock
        self.console = Console(self._qemu.console)
        self.trace = ConfigTrace(self._qemu.trace)
        self.ram = GuestRam(self._qemu.memory_fd, self._qemu.memory_size)
        self.qmp = Qmp(self._qemu.qmp, clock)
        self._port = Port(self._qemu.agent, self.directory / "agent.log", clock)
        self.qmp.connect()
        return self._arrived(self._port.hello(self.limits.boot))

    def _drives(self) -> Iterator[str]:
        for drive in self.machine.drives:
            with (self.directory / drive.image).open("wb") as file:
                file.truncate(drive.size << 20)
            yield from drive.arguments()

    def _arrived(self, hello: Hello) -> Guest:
        self._guest = Guest(self._port, hello, self.limits.request, self.bdf)
        self.step(f"kernel {hello.release} is up after {hello.uptime:.1f} s of its own time")
        return self._guest

    @property
    def guest(self) -> Guest:
        """The running kernel."""
        if self._guest is None:
            raise Failure("no kernel runs")
        return self._guest

    # Live update

    def load(self, arguments: str = "", kernel: str | None = None) -> None:
        """Loads the next kernel. The functions below do so if necessary."""
        chosen = kernel or self._kernel
        self.guest.request(
            "kernel.kexec_load",
            image.kernel_path(chosen),
            "/sys/firmware/initrd",
            self._command_line(chosen, arguments),
            timeout=4 * self.limits.request,
        )
        self._kernel = chosen

    def _leave(
        self,
        kernel: str,
        at_jump: Callable[[], None] | None,
        stop_at: str = LAST_FUNCTION,
        first: Callable[[], None] = lambda: None,
        fault: int = 0,
    ) -> int:
        """Starts kexec; `at_jump` is called when the kernel reaches a function."""
        if at_jump is None:
            return self.guest.jump(fault)
        self._map = paths.system_map(kernel)
        self.qmp.hmp("gdbserver unix:gdb.sock,server=on,wait=off")
        debugger = gdb.Gdb(self.directory / "gdb.sock", self.limits.request, self._qemu.clock)
        try:
            debugger.break_at(gdb.symbol(self._map, stop_at))
            debugger.resume()
            first()
            number = self.guest.jump(fault)
            debugger.wait(self.limits.boot)
            self.debugger = debugger
            at_jump()
            debugger.leave()
        finally:
            debugger.close()
        self.qmp.hmp("gdbserver none")
        return number

    def let_others_run(self, what: str, condition: Callable[[], bool]) -> None:
        """In `at_jump`: the other CPUs go on until the condition is true.

        They must not wait for the one that stands still.
        """
        self.debugger.resume_others(self.machine.cpus)
        self.wait_for(what, condition)
        self.debugger.stop()

    def go_on_to(self, function: str) -> None:
        """In `at_jump`: the kernel goes on until it comes to another function."""
        self.debugger.break_at(gdb.symbol(self._map, function))
        self.debugger.resume()
        self.debugger.wait(self.limits.boot)

    def variable(self, name: str) -> int:
        """In `at_jump`: the physical address of a variable of the kernel."""
        return gdb.symbol(self._map, name) - KERNEL_MAP

    def jump(
        self,
        arguments: str = "",
        *,
        kernel: str | None = None,
        at_jump: Callable[[], None] | None = None,
        stop_at: str = LAST_FUNCTION,
        first: Callable[[], None] = lambda: None,
        fault: int = 0,
    ) -> Guest:
        """Executes kexec, whatever is handed over.

        `at_jump` runs while the machine stands still at the end of the old kernel, or where
        it comes to the function `stop_at`. `first` runs before, after the last time that the
        machine had to stand still: then QEMU has drives execute all that is under way.
        With `fault`, that allocation of it fails (faults.py).
        A kernel that refuses raises its GuestError, and continues to run.
        """
        self.step(f"jump{f' with {arguments}' if arguments else ''}")
        guest, left = self.guest, self._kernel
        self.load(arguments, kernel)
        number = self._leave(left, at_jump, stop_at, first, fault)
        try:
            hello = self._port.hello(self.limits.boot, number)
        except GuestError:
            guest.stay(self._port)
            self._kernel = left
            self._told -= 1
            raise
        if hello.boot_id == guest.hello.boot_id:
            raise Failure("the agent started anew in the same kernel")
        return self._arrived(hello)

    def live_update(
        self,
        arguments: str = "",
        *,
        kernel: str | None = None,
        at_jump: Callable[[], None] | None = None,
        stop_at: str = LAST_FUNCTION,
    ) -> Guest:
        """Executes kexec, and fails unless KHO and LUO of the new kernel confirm the handover."""
        before = self.guest.hello
        self.jump(arguments, kernel=kernel, at_jump=at_jump, stop_at=stop_at)
        return self._proved(before)

    def live_update_by(self, *request: wire.Word) -> Guest:
        """A live update with a kernel that the guest has loaded itself, after this request."""
        before = self.guest.hello
        self._arrived(self.guest.leave().request_kexec(self.limits.boot, *request))
        return self._proved(before)

    def _proved(self, before: Hello) -> Guest:
        """Fails unless KHO and LUO of the running kernel confirm the handover."""
        after = self.guest.hello
        if before.live_updates is None or after.live_updates is None:
            raise HandoverLost("Live Update is off on one side of the jump")
        if (after.kexecs, after.exec_from) != (before.kexecs + 1, before.release):
            raise HandoverLost(
                f"KHO counts {after.kexecs} jumps (last from {after.exec_from}) "
                f"after {before.kexecs}"
            )
        if after.live_updates != before.live_updates + 1:
            raise HandoverLost(f"LUO: update {after.live_updates} after {before.live_updates}")
        self.live_updates += 1
        self.step(f"live update {after.live_updates} is proved: KHO handed over")
        return self.guest

    def jump_into_panic(
        self,
        pattern: str,
        arguments: str = "",
        *,
        kernel: str | None = None,
        at_jump: Callable[[], None] | None = None,
    ) -> None:
        """Executes kexec into a kernel that must panic with these words. It ends the machine."""
        self.step(f"jump into a kernel that must panic: {pattern}")
        left = self._kernel
        self.load(arguments, kernel)
        kernels = len(self.console.kernels())
        self._leave(left, at_jump)
        self._guest = None
        self._qemu.wait(self.limits.boot)
        found = self.console.kernels()
        if len(found) != kernels + 1:
            raise CheckFailed(f"kernel {len(found)} was the last, not {kernels + 1}")
        expected = f"Kernel panic - not syncing: .*{pattern}"
        if not self.console.matches(expected, found[-1]):
            raise CheckFailed(f"the kernel ended without {expected!r}")

    # The machine

    def _functions(self, bus: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for function in bus.get("devices", []):
            yield function
            yield from self._functions(function.get("pci_bridge", {}))

    def bdf(self, device: str) -> str:
        """The current address of a device, which depends on bus numbers."""
        for root in self.qmp.command("query-pci"):
            for function in self._functions(root):
                if function["qdev_id"] == device:
                    bus, slot, number = (function[key] for key in ("bus", "slot", "function"))
                    return f"0000:{bus:02x}:{slot:02x}.{number:x}"
        raise Failure(f"the machine has no PCI function {device!r}")

    def plug(self, device: Device) -> None:
        """Hot-plugs a device into a port."""
        self.step(f"{device.driver} {device.id} is plugged into {device.bus}")
        self.qmp.command("device_add", device.properties())

    def press_button(self, device: str) -> None:
        """Presses the attention button of a device's slot. The guest takes some seconds."""
        self.step(f"{device} is unplugged")
        self.qmp.command("device_del", {"id": device})

    def unplug(self, device: str) -> None:
        """Presses the attention button of a device's slot, and waits until the device is gone."""
        self.press_button(device)
        self.wait_unplugged(device)

    def wait_unplugged(self, device: str) -> None:
        """Waits until a device is gone after its button was pressed."""
        self.qmp.wait_event("DEVICE_DELETED", self.limits.boot, device=device)

    def wait_for(self, what: str, condition: Callable[[], bool], timeout: float = 0) -> None:
        """Polls until the condition is true, for what a guest does asynchronously."""
        with self._qemu.clock.limit(timeout or self.limits.boot, what) as limit:
            while not condition():
                if limit.over():
                    raise CheckFailed(f"did not happen: {what}")
                time.sleep(0.1)

    # The end

    def finish(self) -> None:
        """The regular end: the guest writes the exit code and powers off."""
        if self._guest is None:
            return
        if self.machine.leaks and self._kernel == "debug":
            if self.machine.leaks != self._told:
                raise SetupError(f"kernel {self._told} is the last, not {self.machine.leaks}")
            leaks = self.guest.leaks()
            if leaks:
                raise CheckFailed(f"memory leaks:\n{leaks}")
        self._flush_console()
        self.guest.leave().send("kernel.exit", EXIT_VALUE)
        status = self._qemu.wait(self.limits.request)
        if status != EXIT_STATUS:
            raise Failure(f"the machine ended with status {status} instead of {EXIT_STATUS}")
        self.step("the machine is off")

    def _flush_console(self) -> None:
        """Prints from a thread of the kernel would be lost otherwise."""
        last = f"the story ends here, {self.guest.hello.boot_id}"
        # With a newline: the kernel holds back lines that may be continued.
        self.guest.write("/dev/kmsg", f"<6>{last}\n")
        self.wait_for("the end of the log on the console", lambda: last in self.console.text())

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """QEMU."""
        return self._qemu.process

    def stalls(self) -> list[str]:
        """What took longer than the guest did, since the host stalled."""
        return self._qemu.clock.stalls if self.booted else []

    def remains(self) -> list[str]:
        """The last output of QEMU and of the console, for a diagnosis."""
        if not self.booted:
            return []
        return [*self._qemu.log_tail().splitlines(), *self.console.tail()]
