# SPDX-License-Identifier: GPL-2.0
"""A device of user space goes through several updates, one after the other.

Finished, it can be preserved again, by the file that was retrieved. Before that it cannot, and a
kexec without it is its end: it is stopped.
"""

from errno import EBUSY

from vm import Guest, Machine, Pci, Vm, check
from vm.fabric import masters_cleared
from vm.vfio import DRIVER, NO_IOMMU
from vm.vfio_heart import DEVICE, VfioHeart, behind_switch

MACHINE = Machine(devices=behind_switch(), arguments=NO_IOMMU)
UPDATES = 2
ENDS = "DMA ends here"


def taken_over(vm: Vm, new: Guest, bdf: str, name: str) -> tuple[VfioHeart, Pci]:
    """Retrieves the device and its memory, and finishes the session."""
    usb = new.pci(bdf)
    usb.bind(DRIVER)
    session = new.retrieve_session(name)
    beat = VfioHeart.retrieve(vm, usb, session)
    with check.refused(EBUSY):
        new.create_session("too early").preserve(beat.device.file, DEVICE)
    session.finish()
    check.empty("incoming", new.incoming())
    return beat, usb


def story(vm: Vm) -> None:
    guest = vm.boot()
    usb = guest.pci("usb")
    beat = VfioHeart.start(vm, usb)
    page, before = beat.page, vm.trace.mark()
    for n in range(UPDATES):
        vm.step(f"update {n + 1}")
        session = guest.create_session(f"update-{n}")
        beat.preserve(session)
        guest = vm.live_update()
        beat, usb = taken_over(vm, guest, usb.bdf, f"update-{n}")
        check.equal("address of the page", beat.page, page)
        beat.heart.beats(page)
    check.true("the controller was never refused", not beat.heart.tripped)
    cleared = masters_cleared(vm.trace, [guest.pci(item.bdf) for item in usb.line], before)
    check.empty("writes that clear Bus Master", cleared)

    vm.step("an update is not finished, and the next one does without the device")
    session = guest.create_session("last")
    beat.preserve(session)
    guest = vm.live_update()
    usb = guest.pci(usb.bdf)
    usb.bind(DRIVER)
    beat = VfioHeart.retrieve(vm, usb, guest.retrieve_session("last"))
    beat.heart.beats(page)
    before = vm.trace.mark()
    guest = vm.jump()
    said = vm.console.matches(f"{usb.bdf}: {ENDS}", vm.console.lines())
    check.equal("lines of the old kernel about it", len(said), 1)
    usb = guest.pci(usb.bdf)
    check.true("Bus Master was cleared", masters_cleared(vm.trace, [usb], before))
    check.true("it is off", not usb.bus_master)
    check.empty("incoming", guest.incoming())
