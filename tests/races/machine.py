# SPDX-License-Identifier: GPL-2.0
"""The machine, and which of its devices are whose."""

from vm import Machine, endpoint, root_port, switch
from vm.machine import ROOT
from vm.vfio import NO_IOMMU

CONFIG = "race"
CPUS = 4

# Preserved and unpreserved, below the same bridges.
SHARED = ("shared0", "shared1", "shared2")
# Its driver is bound and unbound.
REBOUND = "rebound"
# Removed through sysfs, and found by the next scan.
REMOVED = "removed"
# Plugged and unplugged by the host, into this port.
PLUGGED, SLOT = "plugged", "rp4"
# Driven by vfio-pci.
USER = ("user0", "user1")

MACHINE = Machine(
    devices=[
        *(root_port(f"rp{n}", f"{n + 3:x}") for n in range(5)),
        switch("sw", "rp0", 3),
        *(endpoint(name, f"sw.{n}") for n, name in enumerate(SHARED)),
        endpoint(REBOUND, "rp1"),
        endpoint(REMOVED, "rp2"),
        endpoint(USER[0], "rp3", "pci-ohci"),
        endpoint(USER[1], ROOT, "pci-ohci", "9"),
    ],
    # Scans assign bus numbers, unless a live device prevents it.
    arguments=f"pci=assign-busses {NO_IOMMU}",
    # If emulated, they take turns (Vm.boot()): whoever pauses or waits lets the others run, and
    # KCSAN has the one pause that it watches.
    cpus=CPUS,
)
