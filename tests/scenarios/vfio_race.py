# SPDX-License-Identifier: GPL-2.0
"""Files are handed out while the drivers of their devices are being unbound, and nothing hangs.

For each device, one thread retrieves the file, binds it and closes it again, while another one
unbinds the driver and binds it. Whoever comes first wins: the file is handed out and the driver waits for its
user, or the device is given back and the file is dead.
"""

from errno import EAGAIN, EINVAL, ENODEV

from vm import Guest, Machine, Pci, Vm, check, endpoint
from vm.guest import StepCount, Stress
from vm.machine import ROOT
from vm.session import Session
from vm.vfio import DRIVER, NO_IOMMU, Vfio

COUNT = 6
NAMES = [f"usb{n}" for n in range(COUNT)]
MACHINE = Machine(
    devices=[endpoint(name, ROOT, "pci-ohci", f"{n:x}") for n, name in enumerate(NAMES, 4)],
    arguments=NO_IOMMU,
)
REBOUND = 5
# More than there is time for.
ENDLESS = 1_000_000


def rebinding(function: Pci) -> Stress:
    """A thread that unbinds the driver and binds it again."""
    driver = f"/sys/bus/pci/drivers/{DRIVER}"
    return function.guest.stress(
        f"rebind {function}",
        REBOUND,
        ("file.write", f"{driver}/unbind", function.bdf),
        ("file.write", f"{driver}/bind", function.bdf),
    )


def retrieving(function: Pci, session: Session, token: int) -> Stress:
    """A thread that retrieves the file, binds it and closes it."""
    iommufd = function.guest.open("/dev/iommu")
    return function.guest.stress(
        f"retrieve {function}",
        ENDLESS,
        ("luo.retrieve_fd", session.fd.number, token),
        ("vfio.bind", "$0", iommufd.number),
        ("fd.close", "$0"),
    )


def only(what: str, count: StepCount, *codes: int) -> None:
    """No other results than success and these errors."""
    check.empty(what, set(count.by_errno) - {0, *codes})


def rebound(vm: Vm, threads: list[Stress]) -> None:
    """They have come to their end, and each step has worked."""
    for thread in threads:
        unbind, bind = thread.join(10 * vm.limits.request)
        check.equal("drivers unbound", unbind.ok, REBOUND)
        check.equal("drivers bound", bind.ok, REBOUND)


def preserved(guest: Guest, functions: list[Pci]) -> list[Vfio]:
    """Binds, opens and preserves all of them."""
    session = guest.create_session()
    devices = []
    for token, function in enumerate(functions):
        function.bind(DRIVER)
        device = Vfio(function)
        device.start()
        session.preserve(device.file, token)
        devices.append(device)
    return devices


def story(vm: Vm) -> None:
    old = vm.boot()
    functions = [old.pci(name) for name in NAMES]
    preserved(old, functions)
    new = vm.live_update()

    vm.step("files are retrieved and closed, drivers are unbound and bound")
    functions = [new.pci(function.bdf) for function in functions]
    session = new.retrieve_session()
    for function in functions:
        function.bind(DRIVER)
    retrievers = [retrieving(item, session, token) for token, item in enumerate(functions)]
    binders = [rebinding(item) for item in functions]
    rebound(vm, binders)
    handed_out = 0
    for thread in retrievers:
        retrieve, bind, _ = thread.stop(vm.limits.request)
        only("errors of retrieve", retrieve, EAGAIN, ENODEV)
        # The file is bound already, since the session keeps it open.
        only("errors of bind", bind, EINVAL)
        check.true("the file is dead in the end", retrieve.by_errno.get(ENODEV))
        handed_out += retrieve.ok
    check.true(f"files were handed out ({handed_out})", handed_out > COUNT)

    vm.step("the session can be finished, and each device be used")
    session.finish()
    check.empty("incoming", new.incoming())
    for function in functions:
        check.equal("driver", function.driver, DRIVER)
        Vfio(function).close()
