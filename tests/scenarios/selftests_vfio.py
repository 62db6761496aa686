# SPDX-License-Identifier: GPL-2.0
"""The kernel's own selftests of VFIO pass on devices of QEMU, behind an IOMMU.

One cannot run: it brings drivers for DSA, IOAT, Falcon and 82576, of which QEMU has the last, in
later versions. The others run on more or fewer devices. None of them takes a device with a BAR
that is smaller than a page, as that of pci-ohci.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vm import Device, Machine, Vm, device, endpoint, kselftest, root_port
from vm.machine import ROOT
from vm.vfio import DRIVER

NAMES = ("net", "disk", "edu")
# The guests have none.
NO_HUGE_PAGES = "mmap() failed: Invalid argument (22)"
NO_DRIVER = "No driver found for device"


@dataclass(frozen=True)
class Case:
    """A program, and what it skips on each device."""

    program: str
    devices: Mapping[str, Sequence[str]] = field(default_factory=lambda: {"net": ()})


CASES = {
    "dma-mapping": Case("vfio_dma_mapping_test", {"net": (NO_HUGE_PAGES,)}),
    "dma-mapping-mmio": Case("vfio_dma_mapping_mmio_test"),
    "iommufd-setup": Case("vfio_iommufd_setup_test"),
    "device": Case(
        "vfio_pci_device_test",
        {
            "net": (),
            "disk": ("MSI: not supported",),
            "edu": ("Device does not support reset", "MSI-x: not supported"),
        },
    ),
    # All devices at once, see below.
    "device-init-perf": Case("vfio_pci_device_init_perf_test", {}),
    "sriov-uapi": Case("vfio_pci_sriov_uapi_test", {"disk": ()}),
    "driver": Case("vfio_pci_driver_test", {name: (NO_DRIVER,) for name in NAMES}),
}

MACHINE = Machine(
    devices=[
        device("intel-iommu", "iommu", bus=""),
        root_port("rp0", "4"),
        root_port("rp1", "5"),
        device("nvme-subsys", "subsys", bus=""),
        endpoint("net", "rp0", "e1000e"),
        Device(
            "nvme",
            "disk",
            "rp1",
            options=(
                ("serial", "disk"),
                ("subsys", "subsys"),
                ("sriov_max_vfs", "2"),
                ("sriov_vq_flexible", "4"),
                ("sriov_vi_flexible", "2"),
            ),
        ),
        endpoint("edu", ROOT),
    ],
    # QEMU does not remap interrupts.
    arguments="iommufd.allow_unsafe_interrupts=1 vfio_iommu_type1.allow_unsafe_interrupts=1 "
    "vfio_pci.enable_sriov=1",
    programs=[f"{kselftest.FOLDER}/vfio/{case.program}" for case in CASES.values()],
)


def wait_for_line(vm: Vm, text: str) -> None:
    """Waits for what a program says on stderr."""
    vm.wait_for(text, lambda: text in vm.console.text())


def story(vm: Vm, case: Case) -> None:
    guest = vm.boot()
    functions = {name: guest.pci(name) for name in NAMES}
    for function in functions.values():
        function.bind(DRIVER)
    if not case.devices:
        addresses = [function.bdf for function in functions.values()]
        kselftest.passed(vm, kselftest.run(guest, case.program, *addresses))

    for name, skips in case.devices.items():
        vm.step(f"{case.program} is run on {name}")
        bdf = functions[name].bdf
        tap = kselftest.run(guest, case.program, bdf)
        if NO_DRIVER in skips:
            tap.returned(kselftest.SKIP)
            wait_for_line(vm, f"{NO_DRIVER} {bdf}")
            vm.remark(f"{tap.program} on {name}: skipped: {NO_DRIVER}")
        else:
            kselftest.passed(vm, tap, *skips)
