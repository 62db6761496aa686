# SPDX-License-Identifier: GPL-2.0
"""User space keeps its device over kexec: never reset, and its DMA goes on.

A USB controller of vfio-pci counts into a page of a memfd. Both files are in one session. In the
new kernel the controller counts on while nobody drives it, while vfio-pci is bound, and while
user space binds the retrieved file to an iommufd. Nobody else can open it until it is finished.
"""

from errno import EAGAIN, EBUSY

from vm import Machine, Pci, Vm, check, fabric
from vm.liveupdate import counts, due
from vm.pci import COMMAND, COMMAND_INTX_DISABLE, COMMAND_MASTER
from vm.trace import Mark
from vm.vfio import DRIVER, NO_IOMMU, Vfio, nobody_opens
from vm.vfio_heart import AREA, DEVICE, VfioHeart, behind_switch

MACHINE = Machine(devices=behind_switch(), arguments=NO_IOMMU)


def command_writes(vm: Vm, function: Pci, since: Mark) -> list[str]:
    """The writes to the Command register of the controller."""
    return [str(write) for write in vm.trace.writes(function.bdf, COMMAND, since=since)]


def taken_over(vm: Vm, usb: Pci, page: int) -> VfioHeart:
    """Retrieves both files, and binds the device."""
    session = usb.guest.retrieve_session()
    with check.refused(EAGAIN):
        session.retrieve(DEVICE)
    vm.step("its driver is bound, by its IDs")
    mark = vm.trace.mark()
    (vendor, device) = (usb.attribute(name).removeprefix("0x") for name in ("vendor", "device"))
    usb.guest.write(f"/sys/bus/pci/drivers/{DRIVER}/new_id", f"{vendor} {device}")
    check.equal("driver", usb.driver, DRIVER)
    nobody_opens(usb)

    vm.step("its file is retrieved, and bound to an iommufd")
    before = usb.command
    file = session.retrieve(DEVICE)
    nobody_opens(usb)
    vfio = Vfio(usb, file)
    check.equal("Command", usb.command, before)
    check.empty("writes to Command", command_writes(vm, usb, mark))
    check.equal("virtual Interrupt Disable", vfio.read(COMMAND, 2) & COMMAND_INTX_DISABLE, 0)
    beat = VfioHeart(vm, usb, vfio, session.retrieve(AREA))
    check.equal("address of the page", beat.page, page)
    beat.heart.beats(page)

    vm.step("the session is finished")
    session.finish()
    check.empty("incoming", usb.guest.incoming())
    beat.heart.beats(page)
    check.true("the controller was never refused", not beat.heart.tripped)
    return beat


def story(vm: Vm) -> None:
    old = vm.boot()
    usb = old.pci("usb")
    beat = VfioHeart.start(vm, usb)
    page = beat.page
    beat.heart.beats(page)

    vm.step("the file and the memory are preserved")
    session = old.create_session()
    beat.preserve(session)
    with check.refused(EBUSY):
        session.preserve(beat.device.file, DEVICE + 10)
    check.equal("outgoing", counts(old.outgoing()), due(usb))
    beat.heart.beats(page)
    path = usb.line
    before = vm.trace.mark()
    new = vm.live_update()

    vm.step("it counts on, without a driver")
    usb = new.pci(usb.bdf)
    path = [new.pci(item.bdf) for item in path]
    check.true("Bus Master is on", all(item.bus_master for item in path))
    check.empty("writes that clear it", fabric.masters_cleared(vm.trace, path, before))
    check.true("Interrupt Disable is set", usb.command & COMMAND_INTX_DISABLE)
    beat = taken_over(vm, usb, page)

    vm.step("it is a device like any other")
    beat.device.reset()
    check.true("Bus Master is on", usb.bus_master)
    mark = vm.trace.mark()
    beat.close()
    check.true("closed, it is off", not usb.bus_master)
    writes = vm.trace.writes(usb.bdf, COMMAND, since=mark)
    restored = [str(write) for write in writes if write.value & COMMAND_MASTER]
    check.empty("writes that set it again", restored)
    other = Vfio(usb)
    check.true("opened anew, it is off", not usb.bus_master)
    other.close()
