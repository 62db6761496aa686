# SPDX-License-Identifier: GPL-2.0
"""vfio-pci may be a module that is loaded late: sessions do not wait for it, and devices run on.

The file handler is built in, so that the session is there. The file of a device can be retrieved
once vfio-pci has bound it; attempts before that change nothing. A session that is finished
without vfio-pci stops its device. The modules cannot be unloaded while a file is preserved, or
bound.
"""

from errno import EAGAIN, ENODEV
from pathlib import PurePath

from vm import Guest, Machine, Pci, Session, Vm, check, endpoint
from vm.machine import ROOT
from vm.vfio import DRIVER, NO_IOMMU
from vm.vfio_heart import DEVICE, VfioHeart

# In the order in which they are loaded.
FILES = [
    "virt/lib/irqbypass.ko",
    "drivers/vfio/vfio.ko",
    "drivers/vfio/pci/vfio-pci-core.ko",
    "drivers/vfio/pci/vfio-pci.ko",
]
MODULES = [PurePath(file).stem for file in FILES]
MACHINE = Machine(
    devices=[
        endpoint("usb", ROOT, "pci-ohci", "4"),
        endpoint("other", ROOT, "pci-ohci", "5"),
    ],
    arguments=NO_IOMMU,
    kernels=["module"],
    modules={"module": FILES},
)
# Nobody reads the command line for a module.
ARGUMENTS = {"vfio": NO_IOMMU.removeprefix("vfio.")}


def load(guest: Guest, *names: str) -> None:
    """Loads modules, in this order."""
    for name in names:
        guest.load_module(name, ARGUMENTS.get(name, ""))


def unload(guest: Guest, *names: str) -> None:
    """Unloads modules, in this order."""
    for name in names:
        guest.unload_module(name)


def retrieve_too_early(session: Session) -> None:
    """The file cannot be retrieved yet."""
    with check.refused(EAGAIN):
        session.retrieve(DEVICE)


def all_in_use(guest: Guest) -> None:
    """No module can be unloaded."""
    for name in MODULES:
        with check.refused(EAGAIN):
            guest.unload_module(name)


def unload_under(session: Session, function: Pci) -> None:
    """Unloads modules while only a session has a file that was retrieved, and not bound."""
    guest = function.guest
    load(guest, *MODULES)
    function.bind(DRIVER)
    session.retrieve(DEVICE).close()
    check.true("Bus Master is on", function.bus_master)
    guest.unload_module("vfio-pci")
    check.true("Bus Master is off", not function.bus_master)
    guest.unload_module("vfio-pci-core")
    with check.refused(EAGAIN):
        guest.unload_module("vfio")
    with check.refused(ENODEV):
        session.retrieve(DEVICE)
    session.finish()
    unload(guest, "vfio", "irqbypass")


def story(vm: Vm) -> None:
    old = vm.boot()
    usb, other = old.pci("usb"), old.pci("other")
    beat = VfioHeart.start(vm, usb)
    page = beat.page
    session, others = old.create_session("usb"), old.create_session("other")
    beat.preserve(session)
    VfioHeart.start(vm, other).preserve(others)

    vm.step("vfio-pci was built in, and is a module now; a session is finished without it")
    new = vm.live_update(kernel="module")
    usb, other = new.pci(usb.bdf), new.pci(other.bdf)
    others = new.retrieve_session("other")
    retrieve_too_early(others)
    check.true("Bus Master is on", other.bus_master)
    others.finish()
    check.true("Bus Master is off", not other.bus_master)
    check.true("it is not incoming", other.bdf not in new.incoming())

    vm.step("another one waits for it")
    session = new.retrieve_session("usb")
    for name in MODULES:
        retrieve_too_early(session)
        load(new, name)
    retrieve_too_early(session)
    beat.heart.beats(page)

    vm.step("the driver comes and goes, and the device runs on")
    command = usb.command
    usb.bind(DRIVER)
    new.unload_module("vfio-pci")
    retrieve_too_early(session)
    load(new, "vfio-pci")
    usb.bind(DRIVER)
    check.equal("COMMAND", usb.command, command)
    beat = VfioHeart.retrieve(vm, usb, session)
    check.equal("address of the page", beat.page, page)
    beat.heart.beats(page)
    all_in_use(new)
    session.finish()
    all_in_use(new)

    vm.step("in the end, only sessions have the files")
    session, others = new.create_session("usb"), new.create_session("other")
    beat.preserve(session)
    beat.close()
    beat = VfioHeart.start(vm, other)
    beat.preserve(others)
    beat.close()
    all_in_use(new)
    last = vm.live_update()
    usb, other = last.pci(usb.bdf), last.pci(other.bdf)
    vm.step("from a module to a module: one device is given back when vfio-pci is unloaded")
    unload_under(last.retrieve_session("other"), other)

    vm.step("the other one is taken over")
    session = last.retrieve_session("usb")
    retrieve_too_early(session)
    load(last, *MODULES)
    usb.bind(DRIVER)
    beat = VfioHeart.retrieve(vm, usb, session)
    check.equal("address of the page", beat.page, page)
    beat.heart.beats(page)
    check.true("the controller was never refused", not beat.heart.tripped)
    session.finish()
    beat.close()
    session.close()
    unload(last, *reversed(MODULES))
