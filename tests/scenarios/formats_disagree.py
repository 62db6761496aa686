# SPDX-License-Identifier: GPL-2.0
"""What is handed over in two formats is not the same, damaged, or of an unknown version.

The host changes the list of blocks while the machine is stopped. A difference is refused like
any other damage. A version that is not known counts only if there is no list beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vm import Expected, Guest, Machine, Vm, check, contain, endpoint, handover, root_port, sample
from vm.liveupdate import counts, due
from vm.ram import GuestRam
from vm.trace import Mark

MACHINE = Machine(devices=[root_port("rp0", "4"), endpoint("ep0", "rp0")])

TOKEN = 1
EMERGENCY = 0
NOTICE = 5
IGNORED = "unknown devices may be doing DMA to memory in use: ignored"
# Of an entry: the lower byte of the function, and the count.
FUNCTION, COUNT = 4, 6


@dataclass(frozen=True)
class Lists:
    """What the host can damage."""

    ram: GuestRam
    list: handover.PciList

    def head(self, offset: int, value: int, size: int = 4) -> None:
        """A field of the head."""
        self.ram.write(self.list.address + offset, value.to_bytes(size, "little"))

    def block(self, offset: int, value: int) -> None:
        """A field of the first block."""
        self.ram.write(self.list.blocks[0] + offset, value.to_bytes(8, "little"))

    def entry(self, offset: int, value: int) -> None:
        """A field of the first entry."""
        self.ram.write(self.list.entry(0) + offset, value.to_bytes(2, "little"))

    def free(self) -> None:
        """The first entry is free."""
        self.entry(COUNT, 0)
        self.head(4, self.list.nr_devices - 1)


@dataclass(frozen=True)
class Case:
    """A kind of damage, and what the kernel logs about it."""

    diagnosis: str
    damage: Callable[[Lists], None]
    old: str = ""
    """For the old kernel."""
    accepted: bool = False

    @property
    def expected(self) -> Sequence[Expected]:
        """On the console."""
        if self.accepted:
            return ()
        panic = Expected("Kernel panic - not syncing: PCI Live Update")
        return (panic, Expected("Call Trace:", None))


ALONE = "pci_liveupdate.formats=pci"

CASES = {
    "count": Case(
        "expected BDF with one count, found 1 in pci-v3 and 2 in pci$",
        lambda it: it.entry(COUNT, 2),
    ),
    "missing": Case(
        "expected BDF with one count, found 1 in pci-v3 and no entry in pci$",
        lambda it: it.free(),
    ),
    "other-function": Case(
        "expected BDF with one count, found 1 in pci-v3 and no entry in pci$",
        lambda it: it.entry(FUNCTION, 0xFFFF),
    ),
    "empty-block": Case(
        "pci: at offset 8 of block 0: expected 1 to 510 entries, found 0$",
        lambda it: it.block(8, 0),
    ),
    "loop": Case(
        "pci: at block 1: expected each block once, found block 0 again$",
        lambda it: it.block(0, it.list.blocks[0]),
    ),
    "lost-block": Case(
        "pci: at block 1: expected memory preserved by KHO, found none$",
        lambda it: it.block(0, 0x1000000),
    ),
    "alone": Case(
        "pci: expected version 1 or 2, found 3$",
        lambda it: it.head(0, 3),
        old=ALONE,
    ),
    "version": Case(
        "pci: version 3 is not known, the handover is read as pci-v3$",
        lambda it: it.head(0, 3),
        accepted=True,
    ),
}  # fmt: skip


class Jump:
    """The function of a kernel at which its handover is damaged."""

    def __init__(self, vm: Vm, case: Case) -> None:
        self._vm = vm
        self._case = case
        self._luo = vm.guest.outgoing_luo()
        self.mark: Mark | None = None

    def __call__(self) -> None:
        there = handover.pci_list(self._vm.ram, self._luo)
        assert there
        self._case.damage(Lists(self._vm.ram, there))
        self.mark = self._vm.trace.mark()


def diagnosed(vm: Vm, case: Case, bdf: str) -> None:
    """The current or last kernel logged the reason, once."""
    last = vm.console.kernels()[-1]
    pattern = case.diagnosis.replace("BDF", bdf)
    check.equal(f"lines with: {pattern}", len(vm.console.matches(pattern, last)), 1)


def goes_on(vm: Vm, case: Case, policy: str) -> None:
    """Kexec into a kernel that boots with unknown live devices."""
    bdf, jump = vm.bdf("ep0"), Jump(vm, case)
    new = vm.live_update(f"pci_liveupdate={policy}", at_jump=jump)
    diagnosed(vm, case, bdf)
    check.empty("incoming", new.incoming())
    check.equal("functions that arrived", new.stats()["arrived"], 0)
    if policy == "contain":
        assert jump.mark
        contain.contained(vm, new, jump.mark)
    else:
        check.equal("loud lines", len(new.said(IGNORED, EMERGENCY)), 1)
        check.true("Bus Master of the device is on", new.pci(bdf).bus_master)

    vm.step("the session ends without an effect on the policy, and the next update works")
    (device,) = sample.bind(new, "ep0")
    session = new.retrieve_session()
    session.finish()
    session.close()
    sample.preserve(new.create_session(), device, TOKEN)
    check.equal("outgoing", counts(new.outgoing()), due(device))


def accepted(vm: Vm, case: Case) -> Guest:
    """Kexec into a kernel that takes the other list."""
    bdf, told = vm.bdf("ep0"), counts(vm.guest.outgoing())
    new = vm.live_update(at_jump=Jump(vm, case))
    diagnosed(vm, case, bdf)
    check.equal("lines of that kind", len(new.said("is not known", NOTICE)), 1)
    check.equal("incoming", counts(new.incoming()), told)
    check.true("Bus Master of the device is on", new.pci(bdf).bus_master)
    (device,) = sample.bind(new, "ep0")
    session = new.retrieve_session()
    session.retrieve(TOKEN).close()
    session.finish()
    session.close()
    check.empty("incoming", new.incoming())
    sample.preserve(new.create_session(), device, TOKEN)
    return new


def story(vm: Vm, case: Case) -> None:
    old = vm.boot(case.old)
    (device,) = sample.bind(old, "ep0")
    sample.preserve(old.create_session(), device, TOKEN)
    if case.accepted:
        accepted(vm, case)
        return
    if not case.old:
        goes_on(vm, case, "contain")
        goes_on(vm, case, "ignore")
    bdf = device.bdf
    vm.jump_into_panic("PCI Live Update", "pci_liveupdate=panic", at_jump=Jump(vm, case))
    diagnosed(vm, case, bdf)
