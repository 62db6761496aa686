# SPDX-License-Identifier: GPL-2.0
"""A USB controller writes a counter to memory every millisecond, during kexec as well.

An OHCI controller writes a frame number into its communication area every millisecond. After
the first write that is rejected it reports "unrecoverable error" until it is reset, so a short
interruption is detected as well. It is programmed from user space, in a page of a memfd that
the session preserves. If it is not preserved, the error is reported.
"""

import secrets

from vm import Fd, Machine, Pci, Vm, check, device, endpoint, root_port, sample, switch
from vm.fabric import masters_cleared

MACHINE = Machine(
    devices=[
        root_port("rp", "4"),
        switch("sw", "rp", 1),
        device("pcie-pci-bridge", "bridge", "sw.0"),
        endpoint("usb", "bridge", "pci-ohci", "1"),
    ]
)
PATH = ("rp", "sw", "sw.0", "bridge", "usb")
CASES = {"preserved": True, "not-preserved": False}

CONTROLLER, AREA = 1, 2
PAGE = 4096

# Registers of the controller, and the frame number in its communication area.
HC_CONTROL, HC_INTERRUPT_STATUS, HC_HCCA, HC_FM_NUMBER = 0x04, 0x0C, 0x18, 0x3C
OPERATIONAL = 2 << 6
UNRECOVERABLE_ERROR = 1 << 4
FRAME_NUMBER = 0x80


class Heart:
    """The controller and the page that it writes to."""

    def __init__(self, vm: Vm, registers: Fd, area: int) -> None:
        self._vm = vm
        self.registers = registers
        self.area = area

    @property
    def beat(self) -> int:
        """The last frame number that it wrote."""
        return int.from_bytes(self._vm.ram.read(self.area + FRAME_NUMBER, 2), "little")

    @property
    def tripped(self) -> bool:
        """Whether a write was rejected since the last reset."""
        return bool(self.registers.load(HC_INTERRUPT_STATUS) & UNRECOVERABLE_ERROR)

    def beats(self) -> None:
        """Fails unless the counter changes in time."""
        before = self.beat
        self._vm.wait_for("the next beats", lambda: (self.beat - before) & 0xFFFF > 20)


def registers(function: Pci) -> Fd:
    """BAR 0."""
    return function.guest.open(f"{function.path}/resource0")


def start(vm: Vm, usb: Pci, memory: Fd) -> Heart:
    """Starts the controller. The page does not move: it is preserved."""
    mark = secrets.token_bytes(16)
    memory.write(PAGE - len(mark), mark)
    [found] = [at for at in vm.ram.find(mark, align=16) if at % PAGE == PAGE - len(mark)]
    heart = Heart(vm, registers(usb), found + len(mark) - PAGE)
    heart.registers.store(HC_HCCA, heart.area)
    heart.registers.store(HC_CONTROL, OPERATIONAL)
    return heart


def story(vm: Vm, preserve: bool) -> None:
    old = vm.boot()
    sample.bind(old, "usb")
    path = [old.pci(name) for name in PATH]
    usb = path[-1]
    memory = old.memfd("area")
    memory.size = PAGE
    memory.write(0, b"\0")
    session = old.create_session()
    session.preserve(memory, AREA)

    vm.step("the controller counts into a preserved page")
    heart = start(vm, usb, memory)
    heart.beats()
    check.true("the trip wire is whole", not heart.tripped)
    if preserve:
        sample.preserve(session, usb, CONTROLLER)
    before = vm.trace.mark()
    new = vm.live_update()

    usb = new.pci(usb.bdf)
    heart = Heart(vm, registers(usb), heart.area)
    if not preserve:
        vm.step("nobody preserved it: it tripped, and has stopped")
        check.true("the trip wire is torn", heart.tripped)
        stopped = heart.beat
        check.true("the controller lost Bus Master", masters_cleared(vm.trace, [usb], before))
        check.true("Bus Master is off", not usb.bus_master)
        check.equal("the last beat", heart.beat, stopped)
        return

    vm.step("it counts on, and has never been refused")
    check.true("the trip wire is whole", not heart.tripped)
    heart.beats()
    check.empty("writes that clear Bus Master", masters_cleared(vm.trace, path, before))

    vm.step("user space of the new kernel has the page, and the beat in it")
    sample.bind(new, usb.bdf)
    session = new.retrieve_session()
    memory = session.retrieve(AREA)
    session.retrieve(CONTROLLER)
    first = memory.peek(FRAME_NUMBER, 2)
    vm.wait_for("the beat in user space", lambda: memory.peek(FRAME_NUMBER, 2) != first)
    check.true("the trip wire is whole", not heart.tripped)
    # It must be stopped before its memory is freed.
    heart.registers.store(HC_CONTROL, 0)
    session.finish()
    check.empty("incoming", new.incoming())
