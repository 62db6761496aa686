# SPDX-License-Identifier: GPL-2.0
"""A device that only Live Update holds can be unbound and removed, and nothing hangs.

Its driver does not wait for the session: the device is given back, and the session has a dead
file. It refuses the jump, by name, until it is closed. While a user has the file, the driver
waits for the user.
"""

from errno import ENODEV

from vm import Guest, Machine, Pci, Vm, check, endpoint
from vm.liveupdate import counts, due
from vm.machine import ROOT
from vm.session import Session
from vm.vfio import DRIVER, NO_IOMMU, Vfio
from vm.vfio_heart import DEVICE, VfioHeart

NAMES = ("unbound", "removed", "used", "last")
MACHINE = Machine(
    devices=[endpoint(name, ROOT, "pci-ohci", f"{n:x}") for n, name in enumerate(NAMES, 4)],
    arguments=NO_IOMMU,
)

GIVEN_BACK = "given back, since its driver is unbound"
DEAD = "its driver was unbound: close the Live Update session"


def preserved(vm: Vm, function: Pci, name: str, keep: bool = False) -> tuple[Session, VfioHeart]:
    """A session with a device that counts, which its user closes."""
    session = function.guest.create_session(name)
    beat = VfioHeart.start(vm, function)
    beat.preserve(session)
    if not keep:
        beat.close()
    return session, beat


def given_back(guest: Guest, function: Pci) -> None:
    """The device belongs to nobody."""
    check.empty("outgoing", guest.outgoing())
    said = [line for line in guest.said(GIVEN_BACK) if function.bdf in line]
    check.equal("lines that say so", len(said), 1)


def jump_refused(vm: Vm, function: Pci) -> None:
    """The session of the device refuses the jump."""
    with check.refused(ENODEV):
        vm.jump()
    said = [line for line in vm.guest.said(DEAD) if function.bdf in line]
    check.equal("lines that name the device", len(said), 1)


def story(vm: Vm) -> None:
    old = vm.boot()
    unbound, removed, used, last = (old.pci(name) for name in NAMES)

    vm.step("nobody but the session has the file, and the driver is unbound")
    session, beat = preserved(vm, unbound, "unbound")
    check.equal("outgoing", counts(old.outgoing()), due(unbound))
    unbound.unbind()
    given_back(old, unbound)
    check.true("Bus Master is off", not unbound.bus_master)
    jump_refused(vm, unbound)
    session.close()

    vm.step("the device can be used and preserved again")
    session, beat = preserved(vm, unbound, "again")
    check.equal("outgoing", counts(old.outgoing()), due(unbound))
    session.close()
    check.empty("outgoing", old.outgoing())

    vm.step("a device is removed")
    session, _ = preserved(vm, removed, "removed")
    removed.remove()
    given_back(old, removed)
    jump_refused(vm, removed)
    session.close()

    vm.step("a user is waited for")
    session, beat = preserved(vm, used, "used", keep=True)
    waiting = old.stress("unbind", 1, ("file.write", f"{used.path}/driver/unbind", used.bdf))
    vm.wait_for("the user to be asked", lambda: bool(old.said("No device request channel")))
    beat.heart.beats(beat.page)
    check.equal("outgoing", counts(old.outgoing()), due(used))
    beat.close()
    [unbind] = waiting.join(vm.limits.request)
    check.equal("the driver was unbound", unbind.ok, 1)
    given_back(old, used)
    session.close()

    vm.step("in the next kernel, it is the same")
    session, _ = preserved(vm, last, "last")
    new = vm.live_update()
    last = new.pci(last.bdf)
    last.bind(DRIVER)
    session = new.retrieve_session("last")
    device = Vfio.retrieve(last, session, DEVICE)
    device.close()
    check.true("Bus Master is on", last.bus_master)
    last.unbind()
    check.true("Bus Master is off", not last.bus_master)
    with check.refused(ENODEV):
        session.retrieve(DEVICE)
    session.finish()
    check.empty("incoming", new.incoming())
    last.bind(DRIVER)
    Vfio(last).close()
