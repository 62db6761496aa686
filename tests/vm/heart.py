# SPDX-License-Identifier: GPL-2.0
"""A USB controller (OHCI) that writes a counter to memory every millisecond.

It writes a frame number into its communication area. After the first write that is rejected
it reports "unrecoverable error" until it is reset, so a short interruption is detected as
well. It is programmed from user space.
"""

import secrets

from .pci import Pci
from .session import Fd, Session
from .vm import Vm

PAGE = 4096

# Registers of the controller, and the frame number in its communication area.
HC_CONTROL, HC_COMMAND_STATUS, HC_INTERRUPT_STATUS = 0x04, 0x08, 0x0C
HC_HCCA, HC_FM_NUMBER = 0x18, 0x3C
OPERATIONAL = 2 << 6
RESET = 1 << 0
UNRECOVERABLE_ERROR = 1 << 4
FRAME_NUMBER = 0x80


class Heart:
    """The controller of one kernel."""

    def __init__(self, vm: Vm, usb: Pci, registers: Fd | None = None) -> None:
        """Its registers are accessed through sysfs, or through a file of vfio-pci."""
        self._vm = vm
        self._registers = registers or usb.guest.open(f"{usb.path}/resource0")

    @property
    def tripped(self) -> bool:
        """Whether a write was rejected since the last reset."""
        return bool(self._registers.load(HC_INTERRUPT_STATUS) & UNRECOVERABLE_ERROR)

    @property
    def frame(self) -> int:
        """The current frame number, in its register."""
        return self._registers.load(HC_FM_NUMBER) & 0xFFFF

    def start(self, address: int) -> None:
        """Starts it. `address` is that of its page, as the controller has to use it."""
        # Firmware has tried it out, maybe with an IOMMU in the way.
        self._registers.store(HC_COMMAND_STATUS, RESET)
        self._registers.store(HC_HCCA, address)
        self._registers.store(HC_CONTROL, OPERATIONAL)

    def stop(self) -> None:
        """Stops it."""
        self._registers.store(HC_CONTROL, 0)

    def written(self, page: int) -> int:
        """The last frame number in the page at a physical address."""
        return int.from_bytes(self._vm.ram.read(page + FRAME_NUMBER, 2), "little")

    def counts(self, frames: int = 20) -> None:
        """Fails unless it counts in time."""
        before = self.frame
        self._vm.wait_for("the next frames", lambda: (self.frame - before) & 0xFFFF > frames)

    def beats(self, page: int, frames: int = 20) -> None:
        """Fails unless it writes to the page at a physical address in time."""
        before = self.written(page)
        self._vm.wait_for(
            "the next beats", lambda: (self.written(page) - before) & 0xFFFF > frames
        )


def preserved_page(vm: Vm, session: Session, token: int) -> int:
    """The physical address of a page that a session preserves."""
    memory = vm.guest.memfd("area")
    memory.size = PAGE
    memory.write(0, b"\0")
    session.preserve(memory, token)
    return find_page(vm, memory)


def find_page(vm: Vm, memory: Fd) -> int:
    """The physical address of the only page of a memfd, which does not move if preserved."""
    mark = secrets.token_bytes(16)
    memory.write(PAGE - len(mark), mark)
    [found] = [at for at in vm.ram.find(mark, align=16) if at % PAGE == PAGE - len(mark)]
    return found + len(mark) - PAGE
