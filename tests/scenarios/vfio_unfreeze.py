# SPDX-License-Identifier: GPL-2.0
"""A file refuses the jump after devices were frozen, and they are as if nothing had happened.

The machine is stopped while they are frozen. Then only the CPU goes on that does not execute
kexec: whatever its process calls on the file of the device is refused, mapped registers cannot be
accessed, and no interrupt is raised. The device itself goes on and completes its commands. After
the jump is refused, without any memory, interrupts come again, on the same lines, and tell of what
was completed.
"""

import contextlib
import re
from collections.abc import Sequence
from errno import EAGAIN, EFAULT, EIO, ENODEV

from vm import Drive, Guest, GuestError, Machine, Pci, Session, Vm, check, endpoint
from vm.guest import Request
from vm.heart import find_page
from vm.machine import ROOT
from vm.nvme import Nvme, Told, limit, written
from vm.pci import CAP_MSIX, COMMAND, COMMAND_INTX_DISABLE
from vm.session import Eventfd
from vm.trace import Mark
from vm.vfio import CONFIG, MSIX, NO_IOMMU
from vm.vfio_heart import FrameInterrupt, VfioHeart, new_area

DRIVE = Drive("disk", size=16)
MACHINE = Machine(
    devices=[
        endpoint("nvme", ROOT, "nvme", "4", drive=DRIVE.id, serial="1"),
        endpoint("usb", ROOT, "pci-ohci", "5"),
        endpoint("dead", ROOT, "pci-ohci", "6"),
    ],
    drives=[DRIVE],
    arguments=NO_IOMMU,
    cpus=2,
)

# What LUO calls to undo the first of the freezes, and what is called at its end.
UNFREEZE, UNFROZEN = "vfio_pci_file_unfreeze", "vfio_device_unfreeze"
# The CPU that executes kexec, and the one that goes on.
KEXEC, OTHER = 0, 1

NVME, MEMORY, USB, AREA, DEAD, DEAD_AREA = range(6)
BLOCKS = range(0, 100)
NVME_STATUS = 0x1C
MSIX_CONTROL, MSIX_ENABLE = 2, 0x8000

DONE = b"done"


def lines(guest: Guest) -> dict[str, str]:
    """The interrupt lines of vfio-pci: from names to numbers."""
    found = re.findall(r"^ *(\d+):.* (vfio-\S+)$", guest.text("/proc/interrupts"), re.M)
    return {name: number for number, name in found}


class Allocations:
    """The slab allocations of the agent's first thread, which executes kexec: they can be made to
    fail in kernels with fault injection."""

    PATH = "/sys/kernel/debug/failslab"
    MANY = 1000

    def __init__(self, vm: Vm, guest: Guest) -> None:
        self._vm, self._guest = vm, guest
        self.can_fail = guest.exists(self.PATH)
        if self.can_fail:
            settings = {"task-filter": "Y", "ignore-gfp-wait": "N", "verbose": "0"}
            for name, value in settings.items():
                guest.write(f"{self.PATH}/{name}", value)
            self._left = self.MANY
            guest.write("/proc/thread-self/make-it-fail", "1")

    @property
    def _left(self) -> int:
        """How many may still fail."""
        return int(self._guest.text(f"{self.PATH}/times"))

    @_left.setter
    def _left(self, times: int) -> None:
        self._guest.write(f"{self.PATH}/times", str(times))

    def fail(self, on: bool) -> None:
        """From now on all of them fail, or none. Called while the machine stands still."""
        if self.can_fail:
            # The first member of a struct fault_attr: a probability, in percent.
            percent = (100 if on else 0).to_bytes(8, "little")
            self._vm.ram.write(self._vm.variable("failslab"), percent)

    def none_failed(self) -> None:
        """None did, and one does when they are made to fail."""
        if not self.can_fail:
            self._vm.step("this kernel cannot tell whether memory was needed")
            return
        check.equal("allocations that may still fail", self._left, self.MANY)
        self._left = 1
        with contextlib.suppress(GuestError):
            self._guest.write(f"{self.PATH}/probability", "100")
            self._guest.memfd("one")
        check.equal("allocations that may still fail", self._left, 0)


class FrozenCalls:
    """What a thread of the other CPU calls once the device is frozen."""

    def __init__(self, vm: Vm, nvme: Nvme, vectors: Sequence[Eventfd]) -> None:
        self._vm = vm
        guest, device = nvme.guest, nvme.device.file.number
        done = new_area(guest)
        self._done = find_page(vm, done)
        config = CONFIG + COMMAND
        calls: dict[str, Request] = {
            "read of config space": ("fd.pread", device, config, 2),
            "write to config space": ("fd.pwrite", device, config, b"\0\0"),
            "read of a BAR": ("fd.pread", device, NVME_STATUS, 4),
            "write to a BAR": ("fd.pwrite", device, NVME_STATUS, b"\0\0\0\0"),
            "VFIO_DEVICE_GET_INFO": ("vfio.info", device),
            "VFIO_DEVICE_GET_REGION_INFO": ("vfio.read", device, COMMAND, 2),
            "VFIO_DEVICE_SET_IRQS": ("vfio.set_irqs", device, MSIX, 0, vectors[0].number),
            "VFIO_DEVICE_RESET": ("vfio.reset", device),
            "VFIO_DEVICE_PCI_HOT_RESET": ("vfio.hot_reset", device),
            "VFIO_DEVICE_FEATURE": ("vfio.low_power", device),
            "VFIO_DEVICE_ATTACH_IOMMUFD_PT": ("vfio.attach", device, 0),
            "mmap() of a BAR": ("fd.load", device, NVME_STATUS),
        }
        drained = [("fd.events", vector.number) for vector in vectors]
        before: list[Request] = [
            ("thread.pin", OTHER),
            ("vfio.until_refused", device, 0),
            *drained,
        ]
        self._expected = [{0}, {EFAULT}, *[{0, EAGAIN}] * len(drained), *[{EIO}] * len(calls), {0}]
        self._names = ["pin", "access to a mapped BAR", *["events"] * len(drained), *calls, "end"]
        self._thread = guest.stress(
            "calls", 1, *before, *calls.values(), ("fd.pwrite", done.number, 0, DONE)
        )

    def are_done(self) -> bool:
        """Whether all calls have returned."""
        return self._vm.ram.read(self._done, len(DONE)) == DONE

    def check(self) -> None:
        """All were refused."""
        results = self._thread.join(self._vm.limits.request)
        for name, result, expected in zip(self._names, results, self._expected, strict=True):
            check.empty(f"results of: {name}", set(result.by_errno) - expected)


class Registers:
    """What is changed of a device while it is frozen: Interrupt Disable, and MSI-X if it has it."""

    def __init__(self, function: Pci, msix: bool = False) -> None:
        self._function = function
        on = [(COMMAND, function.command)]
        off = [(COMMAND, function.command | COMMAND_INTX_DISABLE)]
        check.true("Interrupt Disable is not set", on != off)
        if msix:
            at = function.capability(CAP_MSIX) + MSIX_CONTROL
            control = function.read(at, 2)
            check.true("MSI-X is enabled", control & MSIX_ENABLE)
            on.insert(0, (at, control))
            off.append((at, control & ~MSIX_ENABLE))
        self._expected = off + on

    def were_written(self, vm: Vm, since: Mark) -> None:
        """They were, once and back, and nothing else in configuration space."""
        found = [(w.offset, w.value) for w in vm.trace.writes(self._function.bdf, since=since)]
        check.equal(f"writes to {self._function}", found, self._expected)


def dead_file(vm: Vm, guest: Guest, session: Session) -> None:
    """Preserves a file that refuses the jump, since its device is gone."""
    beat = VfioHeart.start(vm, guest.pci("dead"))
    beat.preserve(session, DEAD, DEAD_AREA)
    beat.close()
    beat.function.unbind()


def complete(vm: Vm, nvme: Nvme, told: Told) -> None:
    """Waits until no command is under way."""
    vm.wait_for("all commands to complete", lambda: not nvme.reap(told))


def refused(vm: Vm, nvme: Nvme, calls: FrozenCalls, usb: VfioHeart, page: int) -> None:
    """The jump, which is refused after the devices were frozen."""
    executed, frames = [], []
    allocations = Allocations(vm, nvme.guest)

    def submit() -> None:
        limit(vm, DRIVE, 1)
        nvme.write(BLOCKS, 1)
        executed.append(written(vm, DRIVE))

    def frozen() -> None:
        frames.append(usb.heart.written(page))
        vm.let_others_run("the calls to return", calls.are_done)
        limit(vm, DRIVE, 0)
        vm.let_others_run("the drive to go on", lambda: written(vm, DRIVE) == len(BLOCKS))
        frames.append(usb.heart.written(page))
        allocations.fail(True)
        vm.go_on_to(UNFROZEN)
        allocations.fail(False)

    with check.refused(ENODEV):
        vm.jump(first=submit, at_jump=frozen, stop_at=UNFREEZE)
    check.true(f"commands were under way ({executed} executed)", max(executed) < len(BLOCKS) // 2)
    check.true(f"the controller has gone on ({frames})", frames[0] != frames[1])
    calls.check()
    allocations.none_failed()


def story(vm: Vm) -> None:
    old = vm.boot()
    old.request("thread.pin", KEXEC)
    drive = old.pci("nvme")
    vectors = [old.eventfd(), old.eventfd()]
    nvme = Nvme.start(drive, *vectors)
    usb = VfioHeart.start(vm, old.pci("usb"))
    page = usb.page
    frame = FrameInterrupt(vm, usb)
    frame.comes()
    session = old.create_session()
    nvme.preserve(session, NVME, MEMORY)
    usb.preserve(session, USB, AREA)
    dead_file(vm, old, session)

    vm.step("commands are under way, and the jump is refused")
    registers, numbers = [Registers(drive, msix=True), Registers(usb.function)], lines(old)
    told = Told()
    calls = FrozenCalls(vm, nvme, vectors)
    mark = vm.trace.mark()
    refused(vm, nvme, calls, usb, page)
    for changed in registers:
        changed.were_written(vm, mark)
    check.equal("interrupt lines", lines(old), numbers)

    vm.step("each vector was signalled once, and the drive goes on")
    check.equal("signals", [vector.events for vector in vectors], [1, 1])
    complete(vm, nvme, told)
    nvme.read(BLOCKS, 1)
    complete(vm, nvme, told)
    check.empty("what is wrong with the commands", told.problems(2 * len(BLOCKS)))
    check.true("they have raised interrupts", vectors[0].events > 0)
    check.equal("signals of the other vector", vectors[1].events, 0)

    vm.step("so does the controller")
    frame.comes()
    usb.heart.beats(page)
    check.true("the controller was never refused", not usb.heart.tripped)
