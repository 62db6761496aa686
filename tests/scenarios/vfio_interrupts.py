# SPDX-License-Identifier: GPL-2.0
"""Interrupts of a device that runs over kexec are set up anew, and each vector is signalled once.

What the device sends before its user has set up a vector is lost, so the user has to be told to
look. After that, vectors are signalled by the device alone, and INTx is raised as ever.
"""

from vm import Drive, Machine, Vm, check, endpoint
from vm.machine import ROOT
from vm.nvme import Nvme, Told
from vm.pci import COMMAND_INTX_DISABLE
from vm.session import Eventfd
from vm.vfio import DRIVER, MSIX, NO_IOMMU, Vfio
from vm.vfio_heart import FrameInterrupt, VfioHeart

DRIVE = Drive("disk", size=16)
MACHINE = Machine(
    devices=[
        endpoint("nvme", ROOT, "nvme", "4", drive=DRIVE.id, serial="1"),
        endpoint("usb", ROOT, "pci-ohci", "5"),
    ],
    drives=[DRIVE],
    arguments=NO_IOMMU,
)

NVME, MEMORY, USB, AREA = range(4)
BLOCKS = range(0, 100)


def events(*vectors: Eventfd) -> list[int]:
    """How often each was signalled since the last time."""
    return [vector.events for vector in vectors]


def message_signalled(vm: Vm, nvme: Nvme, told: Told, vectors: list[Eventfd]) -> None:
    """Sets up two vectors of the drive, of which it uses the first."""
    device = nvme.device
    check.equal("signals before", events(*vectors), [0, 0])
    device.set_irqs(MSIX, 0, *vectors)
    check.equal("signals when they are set up", events(*vectors), [1, 1])
    check.equal("commands under way", nvme.reap(told), 0)
    device.set_irqs(MSIX, 0, *vectors)
    check.equal("signals when they are set up again", events(*vectors), [0, 0])

    nvme.read(BLOCKS, 1)
    vm.wait_for("all commands to complete", lambda: not nvme.reap(told))
    check.empty("what is wrong with the commands", told.problems(2 * len(BLOCKS)))
    first, second = events(*vectors)
    check.true("the first one was raised", first > 0)
    check.equal("signals of the other one", second, 0)


def pin(vm: Vm, usb: VfioHeart) -> None:
    """Sets up INTx of the controller."""
    check.true("Interrupt Disable is set", usb.function.command & COMMAND_INTX_DISABLE)
    frame = FrameInterrupt(vm, usb)
    check.true("Interrupt Disable is not set", not usb.function.command & COMMAND_INTX_DISABLE)
    frame.comes()


def story(vm: Vm) -> None:
    old = vm.boot()
    nvme = Nvme.start(old.pci("nvme"), old.eventfd(), old.eventfd())
    usb = VfioHeart.start(vm, old.pci("usb"))
    FrameInterrupt(vm, usb).comes()
    session = old.create_session()
    nvme.preserve(session, NVME, MEMORY)
    usb.preserve(session, USB, AREA)
    nvme.write(BLOCKS, 1)
    new = vm.live_update()

    vm.step("user space sets up interrupts again")
    drive, function = (new.pci(item) for item in ("nvme", "usb"))
    for item in (drive, function):
        item.bind(DRIVER)
    session = new.retrieve_session()
    nvme = Nvme.retrieve(drive, session, NVME, MEMORY)
    usb = VfioHeart.retrieve(vm, function, session, USB, AREA)
    vectors = [new.eventfd(), new.eventfd()]
    message_signalled(vm, nvme, Told(), vectors)
    pin(vm, usb)

    vm.step("after finish, it is the same for one more vector")
    session.finish()
    late = new.eventfd()
    nvme.device.set_irqs(MSIX, 2, late)
    check.equal("signals", events(*vectors, late), [0, 0, 1])
    nvme.stop()
    nvme.device.close()
    usb.close()

    vm.step("opened anew, it is a device like any other")
    device = Vfio(drive)
    device.set_irqs(MSIX, 0, *vectors, late)
    check.equal("signals", events(*vectors, late), [0, 0, 0])
    device.close()
