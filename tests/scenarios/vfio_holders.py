# SPDX-License-Identifier: GPL-2.0
"""Several processes want the same device of vfio-pci, and it has one user, who may use it.

Two sessions take the file of a device at once: one gets it. In the new kernel, a holder of the
session who may not open the device cannot retrieve its file, neither the first time nor later.
Nobody binds the device in any other way before its user does, and of those who try at once, one
succeeds. The device goes on all the time.
"""

from collections.abc import Iterable
from errno import EBUSY, EINVAL, EPERM

from vm import Guest, Machine, Session, Vm, check
from vm.guest import Stress
from vm.heart import Heart
from vm.vfio import DRIVER, NO_IOMMU, nobody_opens
from vm.vfio_heart import AREA, DEVICE, VfioHeart, behind_switch

MACHINE = Machine(devices=behind_switch(), arguments=NO_IOMMU, cpus=2)

THREADS = 4
CAP_SYS_RAWIO = 17


def one_succeeds(vm: Vm, threads: Iterable[Stress], step: int, error: int) -> int:
    """Of the threads that tried a step, one has succeeded. Returns its number."""
    results = [thread.join(vm.limits.request)[step].by_errno for thread in threads]
    found = [number for number, result in enumerate(results) if 0 in result]
    check.equal("successes", len(found), 1)
    check.equal("errors", results.count({error: 1}), len(results) - 1)
    return found[0]


def preserved(vm: Vm, guest: Guest, beat: VfioHeart) -> str:
    """Preserves the device in one of several sessions. Returns its name."""
    sessions = [guest.create_session(f"session {n}") for n in range(THREADS)]
    file = beat.device.file.number
    threads = [
        guest.stress(f"preserve {n}", 1, ("luo.preserve_fd", session.fd.number, file, DEVICE))
        for n, session in enumerate(sessions)
    ]
    chosen = sessions[one_succeeds(vm, threads, 0, EBUSY)]
    chosen.preserve(beat.memory, AREA)
    return chosen.name


def may_not_open(vm: Vm, guest: Guest, session: Session) -> None:
    """A holder of the session without the capability gets the memory, but not the device."""
    luo = session.fd.number
    thread = guest.stress(
        "holder",
        1,
        ("thread.drop_capability", CAP_SYS_RAWIO),
        ("luo.retrieve_fd", luo, DEVICE),
        ("luo.retrieve_fd", luo, AREA),
        ("fd.close", "$2"),
    )
    results = [result.by_errno for result in thread.join(vm.limits.request)]
    check.equal("results", results, [{0: 1}, {EPERM: 1}, {0: 1}, {0: 1}])


def binding(guest: Guest, session: Session, number: int) -> Stress:
    """A thread that retrieves the file, and binds it."""
    return guest.stress(
        f"bind {number}",
        1,
        ("file.open", "/dev/iommu", "rw"),
        ("luo.retrieve_fd", session.fd.number, DEVICE),
        ("vfio.bind", "$1", "$0"),
    )


def story(vm: Vm) -> None:
    old = vm.boot()
    usb = old.pci("usb")
    beat = VfioHeart.start(vm, usb)
    page = beat.page
    name = preserved(vm, old, beat)
    new = vm.live_update()

    vm.step("a holder of the session may not open the device")
    usb = new.pci("usb")
    usb.bind(DRIVER)
    session = new.retrieve_session(name)
    may_not_open(vm, new, session)
    file = session.retrieve(DEVICE)
    may_not_open(vm, new, session)
    nobody_opens(usb)

    vm.step("some try to bind it at once")
    mark = vm.trace.mark()
    one_succeeds(vm, [binding(new, session, n) for n in range(THREADS)], 2, EINVAL)
    nobody_opens(usb)
    check.empty("writes to it", [str(write) for write in vm.trace.writes(usb.bdf, since=mark)])
    heart = Heart(vm, usb, file)
    heart.beats(page)
    check.true("the controller was never refused", not heart.tripped)

    vm.step("nobody has given it memory, so it is stopped")
    session.finish()
    check.empty("incoming", new.incoming())
    check.true("Bus Master is off", not usb.bus_master)
