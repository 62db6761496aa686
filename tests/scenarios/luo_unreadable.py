# SPDX-License-Identifier: GPL-2.0
"""Live Update is off in the next kernel, which cannot read the state of LUO: it panics.

The host changes one field of the state of LUO while the machine is stopped.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vm import Expected, Machine, Vm, check, endpoint, handover, root_port, sample
from vm.errors import Failure
from vm.ram import GuestRam

MACHINE = Machine(devices=[root_port("rp0", "4"), endpoint("ep0", "rp0")])

TOKEN = 1
PANIC = "PCI Live Update"
DIAGNOSIS = "handover refused: expected none with liveupdate=off, found one of LUO"

# Offsets in struct luo_ser and struct luo_flb_header_ser.
FLBS = 24
COUNT = 8
# As many FLBs as fit into a page.
MOST_FLBS = (4096 - 16) // 64


@dataclass(frozen=True)
class Case:
    """What is damaged, given the address of LUO's state."""

    damage: Callable[[GuestRam, int], None]

    @property
    def expected(self) -> Sequence[Expected]:
        """On the console."""
        return Expected(f"Kernel panic - not syncing: {PANIC}"), Expected("Call Trace:", None)


def flbs(value: int) -> Case:
    """Another address for the FLBs."""
    return Case(lambda ram, state: ram.write(state + FLBS, value.to_bytes(8, "little")))


CASES = {
    "count": Case(
        lambda ram, state: ram.write(
            ram.u64(state + FLBS) + COUNT, (MOST_FLBS + 1).to_bytes(8, "little")
        )
    ),
    "odd-address": flbs(0x1008),
    "no-memory": flbs(1 << 45),
}


def state_of(ram: GuestRam, fdt: bytes, luo: bytes) -> int:
    """The address of a LUO state with these contents."""
    for page in handover.preserved(ram, fdt):
        if ram.read(page.address, len(luo)) == luo:
            return page.address
    raise Failure("the state of LUO is not in preserved memory")


def story(vm: Vm, case: Case) -> None:
    old = vm.boot()
    (device,) = sample.bind(old, "ep0")
    sample.preserve(old.create_session(), device, TOKEN)
    state = state_of(vm.ram, old.kho_fdt(), old.outgoing_luo())
    vm.jump_into_panic(PANIC, "liveupdate=off", at_jump=lambda: case.damage(vm.ram, state))
    lines = vm.console.matches(DIAGNOSIS, vm.console.kernels()[-1])
    check.equal("lines with the diagnosis", len(lines), 1)
