# SPDX-License-Identifier: GPL-2.0
"""Behind an IOMMU that translates, a device of user space stops at the jump, and comes back.

Its page tables are not handed over, so it loses Bus Master before translation is switched off:
there is no fault, and the memory whose number is its I/O address stays as it is. In the new kernel
user space gets the file and the memory, sees that Bus Master is off, and starts the device again.
"""

import secrets

from vm import Machine, Vm, check, device, endpoint, root_port, switch
from vm.heart import PAGE, find_page
from vm.pci import COMMAND, COMMAND_MASTER
from vm.vfio import DRIVER, Vfio
from vm.vfio_heart import IOVA, VfioHeart, new_area

MACHINE = Machine(
    devices=[
        device("intel-iommu", "iommu", bus=""),
        root_port("rp", "4"),
        switch("sw", "rp", 1),
        endpoint("usb", "sw.0", "pci-ohci"),
    ],
    # QEMU does not remap interrupts. The memory at the I/O address is nobody's in both kernels.
    arguments=f"iommufd.allow_unsafe_interrupts=1 memmap=4K${IOVA:#x}",
)

STOPS = "DMA stops over the jump"
FAULT = "DMAR: [DMA"


def story(vm: Vm) -> None:
    old = vm.boot()
    usb = old.pci("usb")
    usb.bind(DRIVER)
    beat = VfioHeart(vm, usb, Vfio(usb), new_area(old))
    page = find_page(vm, beat.memory)
    beat.device.start()
    beat.heart.start(IOVA)
    vm.step("the controller counts into its page, through the IOMMU")
    beat.heart.beats(page)
    check.true("the addresses differ", page != IOVA)
    session = old.create_session()
    beat.preserve(session)
    nobodys = secrets.token_bytes(PAGE)
    vm.ram.write(IOVA, nobodys)
    new = vm.live_update()

    vm.step("it has stopped, and nothing else has happened")
    usb = new.pci(usb.bdf)
    check.true("the old kernel said so", STOPS in vm.console.text())
    check.true("Bus Master is off", not usb.bus_master)
    check.equal("memory at its I/O address", vm.ram.read(IOVA, PAGE), nobodys)
    check.true("it is incoming", usb.bdf in new.incoming())

    vm.step("its user comes back, and starts it again")
    usb.bind(DRIVER)
    session = new.retrieve_session()
    beat = VfioHeart.retrieve(vm, usb, session)
    command = beat.device.read(COMMAND, 2)
    check.equal("Bus Master, as user space sees it", command & COMMAND_MASTER, 0)
    check.equal("address of the page", find_page(vm, beat.memory), page)
    beat.device.start()
    beat.heart.start(IOVA)
    beat.heart.beats(page)
    session.finish()
    check.empty("incoming", new.incoming())
    beat.heart.beats(page)
    check.true("the controller was never refused", not beat.heart.tripped)
    check.equal("memory at its I/O address", vm.ram.read(IOVA, PAGE), nobodys)
    check.true("there was no fault", FAULT not in vm.console.text())
