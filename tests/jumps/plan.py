# SPDX-License-Identifier: GPL-2.0
"""What the kernels of a soak do. After a round, all is as it was before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vm import Device, Machine, device, endpoint, root_port, switch

# An NVMe controller with SR-IOV has ARI, and the port above it forwards that.
_WITH_ARI = (
    ("serial", "soak"),
    ("subsys", "subsys"),
    ("sriov_max_vfs", "2"),
    ("sriov_vq_flexible", "4"),
    ("sriov_vi_flexible", "2"),
)

ONE, TWO, THREE, ARI, ROOT = "one", "two", "three", "ari", "root"
ALL = (ONE, TWO, THREE, ARI, ROOT)

DEVICES: list[Device | Sequence[Device]] = [
    root_port("rp0", "4"),
    switch("sw", "rp0", 3),
    *(endpoint(name, f"sw.{n}") for n, name in enumerate((ONE, TWO, THREE))),
    root_port("rp1", "5"),
    device("nvme-subsys", "subsys", bus=""),
    Device("nvme", ARI, "rp1", options=_WITH_ARI),
    endpoint(ROOT, "pcie.0", addr="6"),
]


def machine(*kernels: str) -> Machine:
    """The machine, with these kernels beside its own."""
    return Machine(devices=DEVICES, kernels=kernels)


@dataclass(frozen=True)
class Plan:
    """What one kernel does. What arrived and is not named is retrieved and finished."""

    preserved: tuple[str, ...]
    """The devices for the next kernel."""
    arguments: str = ""
    dropped: tuple[str, ...] = ()
    """Arrived, and their session is finished without retrieving them."""
    left: tuple[str, ...] = ()
    """Arrived, and nobody asks for their session."""
    cancelled: tuple[str, ...] = ()
    """Preserved and given back, before anything else is."""
    kernel: str | None = None
    """The kernel by CONFIG, if it is built; otherwise that of the machine."""


# Of two kernels in a row, one reads what the other writes.
ROUND = (
    Plan((ONE, TWO, THREE, ARI, ROOT)),
    Plan((ONE, TWO, ARI), "pci=noari", dropped=(THREE,), cancelled=(ROOT,)),
    Plan((TWO, ARI, ROOT), "pci_liveupdate.formats=pci-v3", left=(ONE,)),
    Plan((THREE,), cancelled=ALL),
    Plan((ONE, TWO, THREE, ARI), "pci_liveupdate.formats=pci", left=(THREE,)),
    Plan((ONE, ROOT), "pci=assign-busses", dropped=(TWO,), left=(THREE,)),
    Plan((ONE, TWO, THREE, ARI, ROOT), kernel="debug", cancelled=(ARI,)),
    Plan((), "pci=noari,assign-busses", left=(TWO,)),
    Plan((ARI, ROOT), "pci_liveupdate.formats=pci-v3,pci", cancelled=(ONE,)),
    Plan((ONE, TWO, THREE), "pci=hpbussize=3", dropped=(ROOT,), cancelled=(ARI,)),
)


# Other kernels take long, so that they are in every fifth round only.
_OTHERS = 5


def plan(number: int) -> Plan:
    """The plan of the kernel with that number; the first one is 0."""
    found = ROUND[number % len(ROUND)]
    return found if number // len(ROUND) % _OTHERS == 0 else replace(found, kernel=None)
