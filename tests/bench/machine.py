# SPDX-License-Identifier: GPL-2.0
"""Boots the kernel that counts, with a time stamp counter that counts instructions."""

from dataclasses import dataclass

from vm import Expected, Guest, Machine, Vm
from vm.accel import TCG
from vm.errors import Failure, SetupError
from vm.image import build_agent
from vm.runner import run_one
from vm.scenario import Scenario

CONFIG = "bench"
RESULTS = "/sys/kernel/debug/pci_liveupdate_bench"

# One tick is one instruction, and nothing that changes from run to run is in the way: neither
# the time of day, nor random numbers, nor the load of this host.
ICOUNT = (
    "-icount", "shift=0,sleep=off",
    "-rtc", "base=2026-01-01,clock=vm",
    "-seed", "7",
)  # fmt: skip
ARGUMENTS = "norandmaps randomize_kstack_offset=off"
_NO_LUCK = "max,la57=off,-rdrand,-rdseed"


@dataclass(frozen=True)
class Measured:
    """One line of the guest."""

    value: int
    calls: int
    """How many calls the value is the sum of."""
    lines: int
    """How many log lines those calls print."""

    @property
    def each(self) -> int:
        """Of one call, on average."""
        return (2 * self.value + self.calls) // (2 * self.calls)


def parse(text: str) -> dict[str, Measured]:
    """What the guest shows, by name."""
    found = {}
    for line in text.splitlines():
        name, *numbers = line.split()
        found[name] = Measured(*map(int, numbers))
    return found


def _accel() -> tuple[str, ...]:
    return tuple(_NO_LUCK if word.startswith("max") else word for word in TCG)


def measure() -> dict[str, Measured]:
    """Boots, and reads what was measured meanwhile."""
    found: dict[str, Measured] = {}

    def story(vm: Vm) -> None:
        guest: Guest = vm.boot()
        if not guest.exists(RESULTS):
            raise Failure("nothing was measured: see the console")
        found.update(parse(guest.read(RESULTS).decode("ascii")))

    build_agent()
    expected: list[Expected] = []
    machine = Machine(arguments=ARGUMENTS, qemu=ICOUNT)
    sentence = "Boots the kernel that counts."
    result = run_one(Scenario("bench", sentence, machine, story, expected), CONFIG, _accel())
    if result.problems:
        raise SetupError("\n".join([*result.problems, *result.remains]))
    return found
