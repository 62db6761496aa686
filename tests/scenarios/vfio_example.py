# SPDX-License-Identifier: GPL-2.0
"""The example program in C keeps a device and its memory over kexec.

The device is a USB controller that writes a counter to the memory every millisecond. It reports
the first write that is rejected (vm/heart.py).
"""

from pathlib import PurePath

from vm import Machine, Vm, check, endpoint, root_port
from vm.fabric import masters_cleared
from vm.heart import Heart
from vm.vfio import DRIVER, NO_IOMMU

PROGRAM = "samples/vfio/vfio_liveupdate"
MACHINE = Machine(
    devices=[root_port("rp", "4"), endpoint("usb", "rp", "pci-ohci")],
    programs=[PROGRAM],
    arguments=NO_IOMMU,
)


def page(line: str, word: str) -> int:
    """The address of the page of the device, from a line of the program."""
    said, _, address = line.partition(" ")
    check.equal("what the program says", said, word)
    return int(address, 16)


def story(vm: Vm) -> None:
    program = f"/{PurePath(PROGRAM).name}"
    old = vm.boot()
    usb = old.pci("usb")
    usb.bind(DRIVER)
    was = page(old.run(program, "preserve", usb.bdf).line(), "preserved")
    check.contains("outgoing", old.outgoing(), usb.bdf)

    vm.step("the controller counts into the memory of the program")
    usb.bus_master = True
    heart = Heart(vm, usb)
    heart.start(was)
    heart.beats(was)
    before = vm.trace.mark()
    new = vm.live_update()

    vm.step("it counts on, and has never been refused")
    usb = new.pci(usb.bdf)
    heart = Heart(vm, usb)
    heart.beats(was)
    process = new.run(program, "retrieve")
    usb.bind(DRIVER)
    check.equal("address of the memory", page(process.line(), "retrieved"), was)
    check.empty("incoming", new.incoming())
    heart.beats(was)
    check.true("the trip wire is whole", not heart.tripped)
    check.empty("writes that clear Bus Master", masters_cleared(vm.trace, [usb], before))

    vm.step("the process ends, and vfio-pci stops the device")
    process.kill()
    vm.wait_for("Bus Master to be off", lambda: not usb.bus_master)
