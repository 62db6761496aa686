# SPDX-License-Identifier: GPL-2.0
"""A device runs on where its addresses mean the same in both kernels, and is stopped elsewhere.

A USB controller counts into memory. With physical addresses (no IOMMU, or identity) it
goes on, whatever the command line of the new kernel says. Where an IOMMU of the old kernel
translates, its address is that of a page of somebody else as soon as translation is off:
it must have lost Bus Master by then, and that page stays as it is, byte for byte. An AMD
IOMMU blocks all devices until it is set up, so nothing goes on with one.
"""

import secrets
from dataclasses import dataclass
from itertools import product

from vm import (
    Device,
    Guest,
    Machine,
    Pci,
    Vm,
    check,
    device,
    endpoint,
    root_port,
    sample,
    switch,
)
from vm.fabric import masters_cleared
from vm.heart import PAGE, Heart, preserved_page
from vm.machine import ROOT

# Each case has a machine of its own.
MACHINE = Machine()

CONTROLLER, AREA = 1, 2
ERROR = 3
BRIDGES = ("rp", "sw", "sw.0")

# Addresses for DMA come from below 256 MiB, from the top. The memory with these numbers is
# nobody's in both kernels.
BITS = 28
NOBODYS = range(0x0FF00000, 0x10000000)
RESERVED = f"memmap={len(NOBODYS) >> 10}K${NOBODYS.start:#x}"
DMA_PAGE = f"{sample.DRIVER}.dma_bits={BITS}"

NONE, IDENTITY, TRANSLATING = "none", "identity", "translating"
KINDS = (NONE, IDENTITY, TRANSLATING)
# How a kernel is told what to do with its IOMMU.
PASSTHROUGH = {IDENTITY: "iommu=pt", TRANSLATING: "iommu=nopt"}
MODES = {
    "intel": {NONE: "intel_iommu=off", **PASSTHROUGH},
    "amd": {NONE: "amd_iommu=off", **PASSTHROUGH},
    # There is no switch, but a kernel can do without its driver.
    "virtio": {
        NONE: "initcall_blacklist=virtio_iommu_drv_init deferred_probe_timeout=0",
        **PASSTHROUGH,
    },
}
INTEL = device("intel-iommu", "iommu", bus="")
AMD = device("amd-iommu", "iommu", bus="")
VIRTIO = device("virtio-iommu-pci", "iommu", addr="1e")
# It can only translate.
INTEL_ONLY_TABLES = device("intel-iommu", "iommu", bus="", pt="off")
# It blocks what is attached to no domain.
VIRTIO_STRICT = device("virtio-iommu-pci", "iommu", addr="1e", boot_bypass="off")
FAULT = r"DMAR: .*[Ff]ault|AMD-Vi: Event logged|page fault from EP"

# Where a device is stopped, and the words for it.
LEAVING = "DMA stops over the jump: "
ARRIVING = "DMA stops: "


@dataclass(frozen=True)
class Case:
    """What both kernels do with which IOMMU, and where that stops the device."""

    modes: str
    iommu: Device
    old: str
    new: str
    stops: str | None = None
    late: bool = False
    """The device is taken away and found again, with the IOMMU on."""

    @property
    def machine(self) -> Machine:
        """With this IOMMU, and nothing in the way of the addresses."""
        bridges = [root_port("rp", "4"), *switch("sw", "rp", 1)]
        usb = endpoint("usb", "sw.0" if self.bridges else ROOT, "pci-ohci")
        return Machine(devices=[self.iommu, *bridges, usb], arguments=RESERVED)

    @property
    def bridges(self) -> tuple[str, ...]:
        """Above the controller. QEMU's AMD IOMMU takes all buses for bus 0."""
        return () if self.modes == "amd" else BRIDGES

    @property
    def arguments(self) -> tuple[str, str]:
        """Of the old and the new kernel."""
        modes = MODES[self.modes]
        page = [DMA_PAGE] if self.old == TRANSLATING else []
        return " ".join([modes[self.old], *page]), modes[self.new]


# QEMU remaps interrupts by the AMD device table of the old kernel, whose memory is in use for
# something else by then, until the new kernel sets another table: it cannot leave the IOMMU off.
IMPOSSIBLE = {("amd", IDENTITY, NONE), ("amd", TRANSLATING, NONE)}


def stops(modes: str, old: str, new: str) -> str | None:
    """Where a device is stopped. With an AMD IOMMU that is wherever it is on."""
    if old == TRANSLATING or (modes == "amd" and old != NONE):
        return LEAVING
    return ARRIVING if modes == "amd" and new != NONE else None


CASES = {
    f"{modes}-{old}-{new}": Case(modes, iommu, old, new, stops(modes, old, new))
    for modes, iommu in (("intel", INTEL), ("amd", AMD), ("virtio", VIRTIO))
    for old, new in product(KINDS, KINDS)
    if (modes, old, new) not in IMPOSSIBLE
} | {
    "intel-only-tables": Case("intel", INTEL_ONLY_TABLES, NONE, IDENTITY, ARRIVING),
    "intel-late": Case("intel", INTEL, IDENTITY, IDENTITY, late=True),
    "virtio-strict": Case("virtio", VIRTIO_STRICT, IDENTITY, IDENTITY, LEAVING),
}


def domain(function: Pci) -> str:
    """The kind of its group's domain."""
    path = f"{function.path}/iommu_group/type"
    return function.guest.text(path) if function.guest.exists(path) else NONE


def dma_page(old: Guest, usb: Pci) -> int:
    """The DMA address of the page that the driver made."""
    [line] = old.said("has a page at DMA address")
    check.contains("the line with the address", line, usb.bdf)
    address = int(line.split()[-1], 16)
    check.contains("memory that is nobody's", NOBODYS, address)
    return address


def start(vm: Vm, old: Guest, case: Case, heart: Heart, usb: Pci) -> int:
    """Lets the controller count, and returns the page that has the number of its address."""
    if case.old == TRANSLATING:
        address = dma_page(old, usb)
        vm.ram.write(address, secrets.token_bytes(PAGE))
        heart.start(address)
        heart.counts()
        return address
    address = preserved_page(vm, old.create_session("area"), AREA)
    heart.start(address)
    heart.beats(address)
    return address


def runs_on(vm: Vm, case: Case, heart: Heart, page: int, usb: Pci) -> None:
    """In the new kernel, with a device whose addresses mean the same."""
    check.true("no write was ever refused", not heart.tripped)
    heart.beats(page)
    check.equal("domain", domain(usb), NONE if case.new == NONE else IDENTITY)
    check.empty("faults", vm.console.matches(FAULT, vm.console.lines()))
    check.true("no write was ever refused", not heart.tripped)
    heart.stop()


def is_found_late(vm: Vm, usb: Pci) -> None:
    """In the new kernel, with a device that goes on so far."""
    vm.step("taken away and found again, it is stopped: its IOMMU is on")
    usb.remove()
    usb.guest.rescan()
    check.true("it is incoming", usb.bdf in usb.guest.incoming())
    check.true("Bus Master of the controller is off", not usb.bus_master)
    check.equal("lines that say so", len(usb.guest.said(f"{usb.bdf}: {ARRIVING}", ERROR)), 1)


def is_stopped(vm: Vm, case: Case, heart: Heart, usb: Pci) -> None:
    """In the new kernel, with a device whose addresses would mean something else."""
    check.true("Bus Master of the controller is off", not usb.bus_master)
    check.true("its writes are refused", heart.tripped)
    found = [
        [text for text in (LEAVING, ARRIVING) if vm.console.matches(f"{usb.bdf}: {text}", lines)]
        for lines in vm.console.kernels()
    ]
    want = [[LEAVING], []] if case.stops == LEAVING else [[], [ARRIVING]]
    check.equal("lines that say so", found, want)


def story(vm: Vm, case: Case) -> None:
    arguments = case.arguments
    old = vm.boot(arguments[0])
    sample.bind(old, "usb")
    path = [old.pci(name) for name in (*case.bridges, "usb")]
    usb = path[-1]
    kind = domain(usb)
    check.equal("domain", "translating" if kind.startswith("DMA") else kind, case.old)

    vm.step("the controller counts")
    heart = Heart(vm, usb)
    page = start(vm, old, case, heart, usb)
    check.true("no write was ever refused", not heart.tripped)
    check.true("Bus Master of the path is on", all(item.bus_master for item in path))
    content = vm.ram.read(page, PAGE)
    sample.preserve(old.create_session(), usb, CONTROLLER)
    mark = vm.trace.mark()
    new = vm.live_update(arguments[1])

    path = [new.pci(item.bdf) for item in path]
    usb = path[-1]
    heart = Heart(vm, usb)
    check.true("it is incoming", usb.bdf in new.incoming())
    check.true("Bus Master of the bridges is on", all(item.bus_master for item in path[:-1]))
    check.empty("writes that clear it", masters_cleared(vm.trace, path[:-1], mark))
    if not case.stops:
        vm.step("it counts on, through everything")
        runs_on(vm, case, heart, page, usb)
        if case.late:
            is_found_late(vm, usb)
        return
    vm.step("it has been stopped, and hit nobody")
    is_stopped(vm, case, heart, usb)
    if case.old == TRANSLATING:
        now = vm.ram.read(page, PAGE)
        hit = [f"{at:#x}: {now[at]:#x}" for at in range(PAGE) if now[at] != content[at]]
        check.empty("bytes of the other page that were written to", hit)
