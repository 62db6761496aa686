# SPDX-License-Identifier: GPL-2.0
"""Whoever has a neighbour of a live device cannot reset it: no close and no hot reset does.

Two functions share a bus and have no reset of their own. The live one is in a session, outgoing
and then incoming, and nobody else may have it hit: not with the last close of its neighbour,
which resets the bus otherwise, and not with a hot reset. What was mapped stays so.
"""

from errno import EBUSY

from vm import Machine, Pci, Vm, check, endpoint, root_port
from vm.pci import BRIDGE_CONTROL, BRIDGE_CONTROL_RESET
from vm.trace import Mark
from vm.vfio import DRIVER, NO_IOMMU, Vfio

MACHINE = Machine(
    devices=[
        root_port("rp", "4"),
        endpoint("live", "rp", addr="0.0", multifunction="on"),
        endpoint("other", "rp", addr="0.1"),
    ],
    arguments=NO_IOMMU,
)

LIVE = 1
# A register of the neighbour, mapped by user space.
IDENTITY = 0


def resets(vm: Vm, port: Pci, since: Mark) -> int:
    """The number of resets of everything below a port."""
    writes = vm.trace.writes(port.bdf, BRIDGE_CONTROL, since=since)
    return sum(bool(write.value & BRIDGE_CONTROL_RESET) for write in writes)


def neighbour(vm: Vm, port: Pci, other: Pci, live: Pci | None) -> None:
    """User space opens the neighbour, asks for a hot reset, and closes it."""
    mark = vm.trace.mark()
    device = Vfio(other)
    found = device.file.load(IDENTITY)
    if live:
        with check.refused(EBUSY):
            device.hot_reset()
        check.equal("its register", device.file.load(IDENTITY), found)
    device.close()
    check.equal(f"there were resets below {port}", resets(vm, port, mark) > 0, live is None)
    if live:
        check.true(f"Bus Master of {live}", live.bus_master)


def story(vm: Vm) -> None:
    old = vm.boot()
    port, live, other = (old.pci(name) for name in ("rp", "live", "other"))
    live.bind(DRIVER)
    other.bind(DRIVER)
    vm.step("the bus is reset when the last device is closed")
    neighbour(vm, port, other, None)

    vm.step("not while a device of somebody else is outgoing")
    session = old.create_session()
    device = Vfio(live)
    device.start()
    session.preserve(device.file, LIVE)
    neighbour(vm, port, other, live)
    vm.step("its owner can reset it")
    mark = vm.trace.mark()
    with check.refused(EBUSY):
        Vfio(other).hot_reset()
    check.equal("resets", resets(vm, port, mark), 0)

    new = vm.live_update()
    vm.step("nor while it is incoming")
    port, live, other = (new.pci(item.bdf) for item in (port, live, other))
    live.bind(DRIVER)
    other.bind(DRIVER)
    neighbour(vm, port, other, live)
    vm.step("nor when its user has it again")
    session = new.retrieve_session()
    device = Vfio.retrieve(live, session, LIVE)
    neighbour(vm, port, other, live)

    vm.step("finished and closed, it is reset with the others")
    session.finish()
    device.close()
    neighbour(vm, port, other, None)
