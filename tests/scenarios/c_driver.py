# SPDX-License-Identifier: GPL-2.0
"""A driver in C is a module: its device runs over kexec, and it leaves nothing when it is refused.

The session has a file of a Rust driver as well. The module is refused if LUO has a handler for
its files already, and without Live Update; it is not unloaded while LUO needs it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from errno import EAGAIN, EBUSY, ENODEV, ENOENT, EOPNOTSUPP

from vm import Guest, Machine, Pci, Session, Vm, check, device, endpoint, root_port, sample, switch
from vm.fabric import masters_cleared
from vm.heart import Heart, preserved_page
from vm.liveupdate import counts, due
from vm.trace import Mark

DRIVER = "c_driver"
# The same driver, for the same files.
TWIN = "c_driver_twin"
TAKEN = "Compatible string 'c-driver-v1' already registered"
FILES = [f"tests/driver/{name}.ko" for name in (DRIVER, TWIN)]
MACHINE = Machine(
    devices=[
        root_port("rp", "4"),
        switch("sw", "rp"),
        device("pcie-pci-bridge", "bridge", "sw.0"),
        endpoint("usb", "bridge", "pci-ohci", "1"),
        endpoint("ep", "sw.1"),
    ],
    programs=FILES,
    leaks=2,
)
ONE_KERNEL = replace(MACHINE, leaks=1)
WITHOUT = Machine(kernels=["bench-off"], modules={"bench-off": FILES})
PATH = ("rp", "sw", "sw.0", "bridge", "usb")

WARNING = 4
USB, EP, AREA, OTHER = 1, 2, 3, 4
EARLY, NOTE, CONTENT = b"before preserve", b"after preserve ", b"of the Rust driver"


def node(function: Pci) -> str:
    """The path of the character device of a bound function."""
    return f"/dev/c-driver-{function.bdf}"


def preserve(session: Session, function: Pci) -> None:
    """Preserves its file, and writes to it once more before it is closed."""
    fd = function.guest.open(node(function))
    fd.write(0, EARLY)
    session.preserve(fd, USB)
    fd.write(0, NOTE)
    fd.close()


def asks_all_handlers(guest: Guest) -> None:
    """LUO asks each of its handlers about a file that nobody preserves."""
    session = guest.create_session("asks")
    with check.refused(ENOENT):
        session.preserve(guest.eventfd(), OTHER)
    session.close()


def nothing_left(guest: Guest, module: str) -> None:
    """Neither the module nor what it had registered is there, and the core had no complaints."""
    loaded = [line.split()[0] for line in guest.text("/proc/modules").splitlines()]
    check.true(f"{module} is not loaded", module not in loaded)
    check.true("it has no driver", not guest.exists(f"/sys/bus/pci/drivers/{module}"))
    check.empty("nodes", [name for name in guest.names("/dev") if name.startswith("c-driver")])
    check.empty("complaints", guest.said("pci_liveupdate: ", WARNING))
    if guest.hello.live_updates is not None:
        asks_all_handlers(guest)


def not_loaded(guest: Guest, module: str, why: int) -> None:
    """The module is refused, as often as one tries."""
    for _ in range(2):
        with check.refused(why):
            guest.load_module(module)
        nothing_left(guest, module)


def not_unloaded(guest: Guest) -> None:
    """The module is in use."""
    with check.refused(EAGAIN):
        guest.unload_module(DRIVER)


def both_preserved(vm: Vm) -> tuple[Heart, int, Mark]:
    """Starts DMA, and preserves a device of each driver in a session. They share bridges."""
    old = vm.boot()
    usb = old.pci("usb")
    old.load_module(DRIVER)
    usb.bind(DRIVER)
    (other,) = sample.bind(old, "ep")
    session = old.create_session()
    page = preserved_page(vm, session, AREA)
    heart = Heart(vm, usb)
    heart.start(page)
    heart.beats(page)
    preserve(session, usb)
    sample.preserve(session, other, EP, CONTENT)
    check.equal("outgoing", counts(old.outgoing()), due(usb, other))
    before = vm.trace.mark()
    new = vm.live_update()
    usb, other = new.pci(usb.bdf), new.pci(other.bdf)
    check.equal("incoming", counts(new.incoming()), due(usb, other))
    check.equal("driver before one is loaded", usb.driver, None)
    new.load_module(DRIVER)
    return Heart(vm, usb), page, before


def over_kexec(vm: Vm) -> None:
    """Both files are retrieved, and their devices are finished."""
    heart, page, before = both_preserved(vm)
    new = vm.guest
    usb, other = new.pci("usb"), new.pci("ep")

    vm.step("the session has the file, and needs the module; the file needs the device")
    session = new.retrieve_session()
    not_unloaded(new)
    with check.refused(ENODEV):
        session.retrieve(USB)
    usb.bind(DRIVER)
    with check.refused(EBUSY):
        new.open(node(usb))
    file = session.retrieve(USB)
    check.equal("note", file.read(0, len(NOTE)), NOTE)
    sample.bind(new, other.bdf)
    fd = session.retrieve(EP)
    check.equal("content", fd.read(0, sample.MAX_CONTENT), CONTENT)
    fd.close()

    vm.step("nobody stopped the device meanwhile")
    path = [new.pci(name) for name in PATH]
    for function in path:
        check.true(f"Bus Master of {function} is on", function.bus_master)
    check.empty("writes that clear Bus Master", masters_cleared(vm.trace, path, before))
    heart.beats(page)
    check.true("the controller was never refused", not heart.tripped)
    check.equal("incoming until it is finished", counts(new.incoming()), due(usb, other))

    vm.step("the session is finished, and the driver goes")
    # Its memory is freed.
    heart.stop()
    session.finish()
    check.empty("incoming", new.incoming())
    session.close()
    not_unloaded(new)
    file.close()
    new.open(node(usb)).close()
    new.unload_module(DRIVER)
    check.true("Bus Master is off", not usb.bus_master)
    nothing_left(new, DRIVER)


def not_retrieved(vm: Vm) -> None:
    """The session is finished without the files: the drivers stop their devices before."""
    heart, page, _before = both_preserved(vm)
    usb = vm.guest.pci("usb")
    usb.bind(DRIVER)
    sample.bind(vm.guest, "ep")
    heart.beats(page)
    session = vm.guest.retrieve_session()
    session.finish()
    check.true("Bus Master is off", not usb.bus_master)
    check.empty("incoming", vm.guest.incoming())
    session.close()
    vm.guest.unload_module(DRIVER)
    nothing_left(vm.guest, DRIVER)


def refused(vm: Vm) -> None:
    """Whichever of the two comes later is refused; alone, it works."""
    guest = vm.boot()
    usb = guest.pci("usb")
    for turn, (first, second) in enumerate([(DRIVER, TWIN), (TWIN, DRIVER), (DRIVER, TWIN)], 1):
        vm.step(f"{first} is loaded, {second} is refused")
        guest.load_module(first)
        # The kernel keeps EEXIST for a module that is loaded already.
        not_loaded(guest, second, EBUSY)
        check.equal("lines of LUO", len(guest.said(TAKEN)), 2 * turn)
        usb.bind(first)
        session = guest.create_session()
        preserve(session, usb)
        check.equal("outgoing", counts(guest.outgoing()), due(usb))
        session.close()
        check.empty("outgoing", guest.outgoing())
        guest.unload_module(first)
        nothing_left(guest, first)


def in_use(vm: Vm) -> None:
    """It stays while a file is preserved, whether the device is bound or not."""
    guest = vm.boot()
    usb = guest.pci("usb")
    guest.load_module(DRIVER)
    usb.bind(DRIVER)
    session = guest.create_session()
    preserve(session, usb)
    not_unloaded(guest)
    check.equal("outgoing", counts(guest.outgoing()), due(usb))

    vm.step("without its driver, the device is not handed over")
    usb.unbind()
    not_unloaded(guest)
    with check.refused(ENODEV):
        vm.jump()
    session.close()
    check.empty("outgoing", guest.outgoing())
    guest.unload_module(DRIVER)
    nothing_left(guest, DRIVER)


def disabled(vm: Vm) -> None:
    """Live Update is off on the command line."""
    not_loaded(vm.boot("liveupdate=off"), DRIVER, EOPNOTSUPP)


def without(vm: Vm) -> None:
    """The kernel has LUO, and no Live Update of PCI devices."""
    vm.boot()
    not_loaded(vm.jump(kernel="bench-off"), DRIVER, EOPNOTSUPP)


@dataclass(frozen=True)
class Case:
    """What happens to the module."""

    tell: Callable[[Vm], None]
    machine: Machine = ONE_KERNEL


CASES = {
    "over-kexec": Case(over_kexec, MACHINE),
    "not-retrieved": Case(not_retrieved, MACHINE),
    "refused": Case(refused),
    "in-use": Case(in_use),
    "disabled": Case(disabled),
    "without": Case(without, WITHOUT),
}


def story(vm: Vm, case: Case) -> None:
    case.tell(vm)
