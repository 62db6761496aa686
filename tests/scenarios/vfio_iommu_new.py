# SPDX-License-Identifier: GPL-2.0
"""A device of user space that meets an IOMMU in the new kernel is stopped when it is retrieved.

The old kernel has its IOMMU off, so that DMA goes on over the jump, with physical addresses. In the
new kernel the device keeps them until its user comes back: binding it to an iommufd blocks all of
them, and the device would notice that at any time.
"""

from vm import Machine, Vm, check, device, endpoint, root_port
from vm.heart import Heart, find_page
from vm.vfio import DRIVER, NO_IOMMU, Vfio
from vm.vfio_heart import AREA, DEVICE, IOVA, VfioHeart

MACHINE = Machine(
    devices=[
        device("intel-iommu", "iommu", bus=""),
        root_port("rp", "4"),
        endpoint("usb", "rp", "pci-ohci"),
    ],
    # QEMU does not remap interrupts.
    arguments="iommufd.allow_unsafe_interrupts=1",
)

STOPS = "DMA stops: an IOMMU translates its addresses"
FAULT = "DMAR: [DMA"


def story(vm: Vm) -> None:
    old = vm.boot(f"intel_iommu=off {NO_IOMMU}")
    usb = old.pci("usb")
    beat = VfioHeart.start(vm, usb)
    page = beat.page
    beat.heart.beats(page)
    session = old.create_session()
    beat.preserve(session)
    new = vm.live_update("iommu=nopt")

    vm.step("it counts on, until it is retrieved")
    usb = new.pci(usb.bdf)
    Heart(vm, usb).beats(page)
    usb.bind(DRIVER)
    Heart(vm, usb).beats(page)
    session = new.retrieve_session()
    file = session.retrieve(DEVICE)
    check.true("Bus Master is off", not usb.bus_master)
    check.equal("lines that say why", len(new.said(f"{usb.bdf}: {STOPS}")), 1)

    vm.step("its user starts it again, through the IOMMU")
    beat = VfioHeart(vm, usb, Vfio(usb, file), session.retrieve(AREA))
    check.equal("address of the page", find_page(vm, beat.memory), page)
    beat.device.start()
    beat.heart.start(IOVA)
    beat.heart.beats(page)
    session.finish()
    beat.heart.beats(page)
    check.true("there was no fault", FAULT not in vm.console.text())
