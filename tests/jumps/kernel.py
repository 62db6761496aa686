# SPDX-License-Identifier: GPL-2.0
"""The kernels of a soak: what each one got, what it does with it, and what that costs."""

import time
from dataclasses import dataclass

from vm import Guest, Vm, check, gdb, handover, pages, paths, sample
from vm.liveupdate import counts, due

from .plan import ALL, Plan, plan

STATE = "state"
# Written to the file of each device, and read by the next kernel.
CONTENT = "{name} at jump {jump}"

# Variables of the kernel: the device tree of KHO comes first in that of all it preserves.
_KHO_OUT = "kho_out"
_PAGE_OFFSET = "page_offset_base"


@dataclass(frozen=True)
class Figures:
    """What was measured in a kernel, and on the way to it."""

    jump: int
    machine: int
    kernel: str
    arguments: str
    seconds: float
    """From the old kernel, which has everything preserved, to the greeting of the new one."""
    boot: float
    """The clock of the new kernel when its agent greets."""
    retrieve_us: int
    """What it took to decode the handover."""
    functions: int
    """That were handed over."""
    kho: int
    """Pages that are preserved for the next kernel, when no device is."""
    kho_full: int
    """And with all devices of the plan."""
    free: int
    """Pages that are free, at the same two times."""
    free_full: int


@dataclass(frozen=True)
class Told:
    """What the next kernel has to find."""

    counts: dict[str, int]
    names: tuple[str, ...]


class Soak:
    """A machine whose kernels follow each other."""

    def __init__(self, vm: Vm, number: int, machine: int) -> None:
        self._vm = vm
        self._number = number
        """Of the running kernel, over all machines."""
        self._machine = machine
        self._kernel = vm.config
        self._told = Told({}, ())
        # Read now, because a kernel may be built again meanwhile.
        self._symbols = {
            (kernel, name): gdb.symbol(paths.system_map(kernel), name)
            for kernel in (vm.config, *vm.machine.kernels)
            for name in (_KHO_OUT, _PAGE_OFFSET)
        }

    @property
    def _guest(self) -> Guest:
        return self._vm.guest

    @property
    def _plan(self) -> Plan:
        return plan(self._number)

    def begin(self) -> None:
        """The first kernel of a machine, which got nothing."""
        self._vm.boot(self._plan.arguments)
        self._preserve()

    def jump(self) -> Figures:
        """To the next kernel, which takes over and preserves in its turn."""
        self._number += 1
        self._vm.step(f"jump {self._number}")
        started = time.monotonic()
        kernel = self._plan.kernel or self._vm.config
        self._kernel = kernel if kernel in self._vm.machine.kernels else self._vm.config
        self._vm.live_update(self._plan.arguments, kernel=self._kernel)
        seconds = time.monotonic() - started
        self._arrived()
        self._finish()

        kho, free = self._kho(), self._free()
        told, stats = self._told, self._guest.stats()
        self._preserve()
        return Figures(
            jump=self._number,
            machine=self._machine,
            kernel=self._kernel,
            arguments=self._plan.arguments,
            seconds=round(seconds, 2),
            boot=self._guest.hello.uptime,
            retrieve_us=stats["retrieve_ns"] // 1000,
            functions=len(told.counts),
            kho=kho,
            kho_full=self._kho(),
            free=free,
            free_full=self._free(),
        )

    def _variable(self, name: str) -> int:
        """The first eight bytes of a variable of the kernel."""
        address = self._symbols[self._kernel, name]
        return int(self._vm.qmp.hmp(f"x /1gx {address:#x}").rpartition(":")[2], 16)

    def _kho(self) -> int:
        # Debugfs shows the tree only in a kernel that got none.
        fdt = self._variable(_KHO_OUT) - self._variable(_PAGE_OFFSET)
        memory = handover.preserved(self._vm.ram, self._vm.ram.read(fdt, pages.PAGE))
        return sum(1 << page.order for page in memory)

    def _free(self) -> int:
        """How many pages are free once caches are dropped."""
        self._guest.write("/proc/sys/vm/drop_caches", "3")
        return pages.free(self._guest)

    def _content(self, name: str, number: int) -> bytes:
        return CONTENT.format(name=name, jump=number).encode()

    def _arrived(self) -> None:
        """All is there that was handed over, and nothing else."""
        guest, told = self._guest, self._told
        check.equal("incoming", counts(guest.incoming()), told.counts)
        check.empty("outgoing", guest.outgoing())
        check.equal("functions that arrived", guest.stats()["arrived"], len(told.counts))
        path = [guest.pci(bdf) for bdf in told.counts]
        check.empty("without Bus Master", [item for item in path if not item.bus_master])
        session = guest.retrieve_session(STATE)
        expected = {"jump": self._number, "names": list(told.names)}
        check.equal("the memory that was preserved", session.load(), expected)
        session.finish()
        session.close()

    def _finish(self) -> None:
        """Finishes what arrived, as the plan says."""
        finished = 0
        for name in self._told.names:
            if name in self._plan.left:
                continue
            session = self._guest.retrieve_session(name)
            if name not in self._plan.dropped:
                sample.bind(self._guest, name)
                file = session.retrieve(ALL.index(name))
                content = file.read(0, sample.MAX_CONTENT)
                check.equal(f"content of {name}", content, self._content(name, self._number))
                file.close()
                finished += 1
            session.finish()
            session.close()
        check.equal("functions finished", self._guest.stats()["finished"], finished)
        # Those that were dropped stay until nothing is left.
        left = self._plan.left and (*self._plan.left, *self._plan.dropped)
        stay = due(*(self._guest.pci(name) for name in left))
        check.equal("incoming after finish", counts(self._guest.incoming()), stay)

    def _put(self, name: str, session: str) -> None:
        [function] = sample.bind(self._guest, name)
        content = self._content(name, self._number + 1)
        sample.preserve(self._guest.create_session(session), function, ALL.index(name), content)

    def _preserve(self) -> None:
        """Preserves what the plan says, after it has given back what it says."""
        guest, names = self._guest, self._plan.preserved
        for name in self._plan.cancelled:
            session = guest.create_session(name)
            [function] = sample.bind(guest, name)
            sample.preserve(session, function, ALL.index(name))
            session.close()
        check.empty("outgoing", guest.outgoing())

        for name in names:
            self._put(name, name)
        state = {"jump": self._number + 1, "names": list(names)}
        guest.create_session(STATE).save(state)
        self._told = Told(due(*(guest.pci(name) for name in names)), names)
        check.equal("outgoing", counts(guest.outgoing()), self._told.counts)
        stats, given_back = guest.stats(), len(self._plan.cancelled)
        check.equal("preserved", stats["preserved"], given_back + len(names))
        check.equal("unpreserved", stats["unpreserved"], given_back)
