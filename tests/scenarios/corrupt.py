# SPDX-License-Identifier: GPL-2.0
"""The handover is damaged between two kernels: it is refused, and the policy decides.

The host changes one thing while the machine stands still, and each kind of damage meets
one of `pci_liveupdate=panic`, `contain` and `ignore`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from errno import ENODEV

from vm import Expected, Guest, Machine, Vm, check, contain, endpoint, handover, root_port, sample
from vm.ram import GuestRam
from vm.trace import Mark

MACHINE = Machine(devices=[root_port("rp0", "4"), endpoint("ep0", "rp0")])

TOKEN = 1
POLICIES = ("panic", "contain", "ignore")


@dataclass(frozen=True)
class Handover:
    """What the host may damage."""

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
        """The first function in the second entry as well."""
        self.ram.write(self.array.entry(1), self.ram.read(self.array.entry(0), 6))

    def name(self, value: bytes) -> None:
        """The name of the FLB."""
        self.ram.write(self.flb.address, value.ljust(len(handover.PCI) + 1, b"\0"))

    def handle(self, value: int) -> None:
        """The address that the FLB is said to be at."""
        self.ram.write(self.flb.address + 48, value.to_bytes(8, "little"))


# Memory that the old kernel did not preserve: the beginning of its own image.
FOREIGN_MEMORY = 0x1000000
PAGE_ENTRIES = 511


@dataclass(frozen=True)
class Case:
    """A kind of damage, what is said about it, and what happens then."""

    policy: str
    diagnosis: str
    damage: Callable[[Handover], None]
    more: Sequence[Expected] = ()

    @property
    def expected(self) -> Sequence[Expected]:
        """On the console."""
        trace = Expected("Call Trace:", None)
        if self.policy == "panic":
            return (*self.more, trace, Expected("Kernel panic - not syncing: PCI Live Update"))
        return (*self.more, trace, Expected(_LUO_SURPRISED, None))


# LUO wants an FLB that is refused, or not there, once more when the last file of it is finished.
_LUO_SURPRISED = r"WARNING: .*(luo_flb|lib/refcount)|refcount_t: underflow"
# KHO complains of an address that it did not hand over.
_KHO_SURPRISED = (Expected(r"WARNING: .*kexec_handover"),)

CASES = {
    "max-too-large": Case(
        "panic", f"max_nr_devices <= {PAGE_ENTRIES}, found {PAGE_ENTRIES + 1}",
        lambda it: it.maximum(PAGE_ENTRIES + 1),
    ),
    "max-highest": Case(
        "contain", f"max_nr_devices <= {PAGE_ENTRIES}, found 4294967295",
        lambda it: it.maximum(0xFFFFFFFF),
    ),
    "nr-too-small": Case("ignore", "nr_devices = 2, .*, found 1", lambda it: it.used(1)),
    "nr-too-large": Case("contain", "nr_devices = 2, .*, found 3", lambda it: it.used(3)),
    "nr-above-max": Case(
        "panic", f"nr_devices <= {PAGE_ENTRIES}, found 512", lambda it: it.used(512)
    ),
    "repeated": Case(
        "contain", "offset 16: .* offset 8 again", lambda it: it.repeat()
    ),
    "no-handle": Case("panic", "expected memory from KHO", lambda it: it.handle(0)),
    "odd-handle": Case(
        "ignore", "expected memory from KHO", lambda it: it.handle(it.array.address + 8)
    ),
    "foreign-handle": Case(
        "contain", "expected memory from KHO", lambda it: it.handle(FOREIGN_MEMORY), _KHO_SURPRISED
    ),
    "pci-v1": Case("ignore", "found them as pci-v1$", lambda it: it.name(b"pci-v1")),
    "pci-v2": Case("panic", "found them as pci-v2$", lambda it: it.name(b"pci-v2")),
    "pci": Case("contain", "found them as pci$", lambda it: it.name(b"pci")),
}  # fmt: skip


def goes_on(vm: Vm, new: Guest, case: Case, bdf: str, jump: Mark) -> None:
    """A kernel that boots with devices that it does not know."""
    check.empty("incoming", new.incoming())
    check.equal("functions that arrived", new.stats()["arrived"], 0)
    if case.policy == "contain":
        vm.step("no function reaches memory")
        contain.contained(vm, new, jump)
    else:
        vm.step("the device does as before: nobody has stopped it")
        check.true("Bus Master of the device is on", new.pci(bdf).bus_master)

    vm.step("its file cannot be retrieved, the session ends, and the device is like any other")
    (device,) = sample.bind(new, bdf)
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
    luo = old.outgoing_luo()
    jump: list[Mark] = []

    def damage() -> None:
        [flb] = [item for item in handover.flbs(vm.ram, luo) if item.name == handover.PCI]
        array = handover.pci_array(vm.ram, luo)
        assert array
        case.damage(Handover(vm.ram, flb, array))
        jump.append(vm.trace.mark())

    arguments = f"pci_liveupdate={case.policy}"
    if case.policy == "panic":
        vm.jump_into_panic("PCI Live Update", arguments, at_jump=damage)
    else:
        new = vm.live_update(arguments, at_jump=damage)
        goes_on(vm, new, case, device.bdf, jump[0])
    last = vm.console.kernels()[-1]
    check.true(f"refused: {case.diagnosis}", vm.console.matches(case.diagnosis, last))
