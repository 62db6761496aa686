# SPDX-License-Identifier: GPL-2.0
"""A USB controller (OHCI) that counts milliseconds into memory, without any help.

It writes a frame number into its communication area every millisecond. At the first write
that is refused it says "unrecoverable error", and says so for ever: a trip wire that
nothing from outside has to step on. It is programmed from user space.
"""

import secrets

from .pci import Pci
from .session import Fd
from .vm import Vm

PAGE = 4096

# Registers of the controller, and the frame number in its communication area.
HC_CONTROL, HC_INTERRUPT_STATUS, HC_HCCA, HC_FM_NUMBER = 0x04, 0x0C, 0x18, 0x3C
OPERATIONAL = 2 << 6
UNRECOVERABLE_ERROR = 1 << 4
FRAME_NUMBER = 0x80


class Heart:
    """The controller of one kernel."""

    def __init__(self, vm: Vm, usb: Pci) -> None:
        self._vm = vm
        self._registers = usb.guest.open(f"{usb.path}/resource0")

    @property
    def tripped(self) -> bool:
        """Whether a write was refused, ever."""
        return bool(self._registers.load(HC_INTERRUPT_STATUS) & UNRECOVERABLE_ERROR)

    @property
    def frame(self) -> int:
        """The number that it is at."""
        return self._registers.load(HC_FM_NUMBER) & 0xFFFF

    def start(self, address: int) -> None:
        """Lets it count into the page at an address of its own."""
        self._registers.store(HC_HCCA, address)
        self._registers.store(HC_CONTROL, OPERATIONAL)

    def stop(self) -> None:
        """It counts no more."""
        self._registers.store(HC_CONTROL, 0)

    def written(self, page: int) -> int:
        """The last number in the page at a physical address."""
        return int.from_bytes(self._vm.ram.read(page + FRAME_NUMBER, 2), "little")

    def counts(self, frames: int = 20) -> None:
        """It does, within the patience of a story."""
        before = self.frame
        self._vm.wait_for("the next frames", lambda: (self.frame - before) & 0xFFFF > frames)

    def beats(self, page: int, frames: int = 20) -> None:
        """It counts into the page at a physical address."""
        before = self.written(page)
        self._vm.wait_for(
            "the next beats", lambda: (self.written(page) - before) & 0xFFFF > frames
        )


def find_page(vm: Vm, memory: Fd) -> int:
    """The physical address of the one page of a memfd. It is preserved, so it stays there."""
    mark = secrets.token_bytes(16)
    memory.write(PAGE - len(mark), mark)
    [found] = [at for at in vm.ram.find(mark, align=16) if at % PAGE == PAGE - len(mark)]
    return found + len(mark) - PAGE
