# SPDX-License-Identifier: GPL-2.0
"""The handover is damaged between two kernels: it is refused, and the policy decides.

The host changes one field while the machine is stopped. Each kind of damage is tested with
`pci_liveupdate=contain`, `ignore` and `panic`, one after the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from errno import ENODEV

from vm import Expected, Machine, Vm, check, contain, endpoint, handover, root_port, sample
from vm.ram import GuestRam
from vm.trace import Mark

MACHINE = Machine(
    devices=[root_port("rp0", "4"), endpoint("ep0", "rp0")],
    # What is damaged is all that is handed over, and all that is read.
    arguments="pci_liveupdate.formats=pci-v3",
)

TOKEN = 1
EMERGENCY = 0
IGNORED = "unknown devices may be doing DMA to memory in use: ignored"


@dataclass(frozen=True)
class Handover:
    """What the host can damage."""

    ram: GuestRam
    flb: handover.Flb
    array: handover.PciArray

    def maximum(self, value: int) -> None:
        """`max_nr_devices`."""
        self.ram.write(self.array.address, value.to_bytes(4, "little"))

    def used(self, value: int) -> None:
        """`nr_devices`."""
        self.ram.write(self.array.address + 4, value.to_bytes(4, "little"))

    def repeat(self) -> None:
        """The second entry names the first function as well."""
        self.ram.write(self.array.entry(1), self.ram.read(self.array.entry(0), 6))

    def name(self, value: bytes) -> None:
        """The name of the FLB."""
        self.ram.write(self.flb.address, value.ljust(len(handover.PCI) + 1, b"\0"))

    def handle(self, value: int) -> None:
        """The address that LUO has for the FLB."""
        self.ram.write(self.flb.address + 48, value.to_bytes(8, "little"))


# Memory that the old kernel did not preserve: the beginning of its own image.
FOREIGN_MEMORY = 0x1000000
PAGE_ENTRIES = 511


@dataclass(frozen=True)
class Case:
    """A kind of damage, and what the kernel logs about it."""

    diagnosis: str
    damage: Callable[[Handover], None]

    @property
    def expected(self) -> Sequence[Expected]:
        """On the console."""
        panic = Expected("Kernel panic - not syncing: PCI Live Update")
        return (panic, Expected("Call Trace:", None))


CASES = {
    "max-too-large": Case(
        f"max_nr_devices <= {PAGE_ENTRIES}, found {PAGE_ENTRIES + 1}",
        lambda it: it.maximum(PAGE_ENTRIES + 1),
    ),
    "max-highest": Case(
        f"max_nr_devices <= {PAGE_ENTRIES}, found 4294967295",
        lambda it: it.maximum(0xFFFFFFFF),
    ),
    "nr-too-small": Case("nr_devices = 2, .*, found 1", lambda it: it.used(1)),
    "nr-too-large": Case("nr_devices = 2, .*, found 3", lambda it: it.used(3)),
    "nr-above-max": Case(f"nr_devices <= {PAGE_ENTRIES}, found 512", lambda it: it.used(512)),
    "repeated": Case("offset 16: .* offset 8 again", lambda it: it.repeat()),
    "no-handle": Case("offset 0: expected .* KHO, found a null handle", lambda it: it.handle(0)),
    "odd-handle": Case(
        "offset 0: expected .* KHO, found none", lambda it: it.handle(it.array.address + 8)
    ),
    "foreign-handle": Case(
        "offset 0: expected .* KHO, found none", lambda it: it.handle(FOREIGN_MEMORY)
    ),
    "pci-v1": Case("found them as pci-v1$", lambda it: it.name(b"pci-v1")),
    "pci-v2": Case("found them as pci-v2$", lambda it: it.name(b"pci-v2")),
    "pci": Case("found them as pci$", lambda it: it.name(b"pci")),
}  # fmt: skip


class Jump:
    """The function of a kernel at which its handover is damaged."""

    def __init__(self, vm: Vm, case: Case) -> None:
        self._vm = vm
        self._case = case
        self._luo = vm.guest.outgoing_luo()
        self.mark: Mark | None = None

    def __call__(self) -> None:
        ram = self._vm.ram
        [flb] = [item for item in handover.flbs(ram, self._luo) if item.name == handover.PCI]
        array = handover.pci_array(ram, self._luo)
        assert array
        self._case.damage(Handover(ram, flb, array))
        self.mark = self._vm.trace.mark()


def refused(vm: Vm, case: Case) -> None:
    """The current or last kernel logged the reason."""
    last = vm.console.kernels()[-1]
    check.true(f"refused: {case.diagnosis}", vm.console.matches(case.diagnosis, last))


def goes_on(vm: Vm, case: Case, policy: str) -> None:
    """Kexec into a kernel that boots with unknown live devices."""
    jump = Jump(vm, case)
    bdf = vm.bdf("ep0")
    new = vm.live_update(f"pci_liveupdate={policy}", at_jump=jump)
    refused(vm, case)
    check.empty("incoming", new.incoming())
    check.equal("functions that arrived", new.stats()["arrived"], 0)
    if policy == "contain":
        vm.step("no function reaches memory")
        assert jump.mark
        contain.contained(vm, new, jump.mark)
    else:
        vm.step("the device does as before: nobody has stopped it, which is said loudly")
        check.equal("loud lines", len(new.said(IGNORED, EMERGENCY)), 1)
        check.true("Bus Master of the device is on", new.pci(bdf).bus_master)

    vm.step("its file cannot be retrieved, the session ends, and the device is like any other")
    (device,) = sample.bind(new, "ep0")
    session = new.retrieve_session()
    with check.refused(ENODEV):
        session.retrieve(TOKEN)
    session.finish()
    session.close()
    sample.preserve(new.create_session(), device, TOKEN)
    check.true("it can be preserved again", bdf in new.outgoing())


def story(vm: Vm, case: Case) -> None:
    old = vm.boot()
    (device,) = sample.bind(old, "ep0")
    sample.preserve(old.create_session(), device, TOKEN)
    goes_on(vm, case, "contain")
    goes_on(vm, case, "ignore")
    vm.jump_into_panic("PCI Live Update", "pci_liveupdate=panic", at_jump=Jump(vm, case))
    refused(vm, case)
