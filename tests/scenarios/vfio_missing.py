# SPDX-License-Identifier: GPL-2.0
"""A device of vfio-pci is gone, or another one is in its slot, when the next kernel enumerates.

Its file cannot be retrieved, however often, and what is in the slot now is a device like any
other. Its memory is kept until the session is finished, as that of any device is. The other
device of the session is taken over and goes on.
"""

from errno import ENODEV

from vm import Drive, Guest, Machine, Pci, Session, Vm, check, endpoint, fabric, pages, root_port
from vm.liveupdate import counts, due
from vm.machine import ROOT
from vm.nvme import Nvme
from vm.vfio import DRIVER, NO_IOMMU, Vfio
from vm.vfio_heart import VfioHeart

DRIVE = Drive("disk", size=16)
MACHINE = Machine(
    devices=[
        root_port("rp0", "4"),
        endpoint("lost", "rp0", "nvme", drive=DRIVE.id, serial="1"),
        endpoint("there", ROOT, "pci-ohci", "5"),
    ],
    drives=[DRIVE],
    arguments=NO_IOMMU,
)
CASES = {"gone": False, "replaced": True}

LOST, MEMORY, THERE, AREA = range(4)
# Without port drivers, the old kernel does not handle what happens to the slot.
NO_HOTPLUG = "pcie_ports=compat"


def exchange(vm: Vm, lost: Pci, replaced: bool) -> None:
    """The host takes the device out of its slot, and may plug in another model."""
    port = lost.line[0]
    model = lost.read(0, 4)
    fabric.power(port, on=False)
    if replaced:
        vm.plug(endpoint("after", "rp0"))
        fabric.power(port, on=True)
        lost.bus_master = True
    check.true("the device is not there any more", lost.read(0, 4) != model)


def not_retrieved(session: Session) -> None:
    """The file of the lost device is refused."""
    for _ in range(2):
        with check.refused(ENODEV):
            session.retrieve(LOST)


def like_any_other(function: Pci) -> None:
    """What is in the slot now is stopped, and can be opened by anybody."""
    check.true("Bus Master is off", not function.bus_master)
    function.bind(DRIVER)
    device = Vfio(function)
    device.start()
    device.close()


def taken_over(vm: Vm, new: Guest, lost: Pci, replaced: bool, page: int) -> None:
    """The session, in the new kernel."""
    there = new.pci("there")
    there.bind(DRIVER)
    pinned = pages.pins(new)
    session = new.retrieve_session()
    not_retrieved(session)
    beat = VfioHeart.retrieve(vm, there, session, THERE, AREA)
    check.equal("the lost device is there", lost.present, replaced)
    if replaced:
        like_any_other(lost)
        not_retrieved(session)

    vm.step("its memory is kept until the session is finished")
    memory = session.retrieve(MEMORY)
    check.true("the memory is pinned", pages.pins(new) - pinned >= Nvme.PAGES)
    memory.close()
    not_retrieved(session)
    check.true("the memory is pinned", pages.pins(new) - pinned >= Nvme.PAGES)
    session.finish()
    check.true("the memory is not pinned", pages.pins(new) - pinned < Nvme.PAGES)
    check.empty("incoming", new.incoming())
    beat.heart.beats(page)
    check.true("the other device goes on", there.bus_master)


def story(vm: Vm, replaced: bool) -> None:
    old = vm.boot(NO_HOTPLUG)
    lost = old.pci("lost")
    nvme = Nvme.start(lost)
    beat = VfioHeart.start(vm, old.pci("there"))
    page = beat.page
    session = old.create_session()
    nvme.preserve(session, LOST, MEMORY)
    beat.preserve(session, THERE, AREA)
    everything = due(lost, beat.function)
    exchange(vm, lost, replaced)
    new = vm.live_update(NO_HOTPLUG)

    vm.step("the new kernel knows what is missing")
    incoming = new.incoming()
    check.equal("incoming", counts(incoming), everything)
    missing = [bdf for bdf, entry in incoming.items() if entry.state == "missing"]
    check.equal("missing", missing, [lost.bdf])
    taken_over(vm, new, new.pci(lost.bdf), replaced, page)
