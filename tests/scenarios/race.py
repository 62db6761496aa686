# SPDX-License-Identifier: GPL-2.0
"""Scans, hotplug, resets, preserve, unpreserve and finish at the same time.

Devices are removed and added through sysfs, and by the button and the power of their slots.
"""

from errno import EAGAIN, EBUSY, ENODEV, ENOENT

from vm import Guest, Machine, Pci, Session, Vm, check, endpoint, root_port, sample
from vm.guest import Request, Stress

MACHINE = Machine(
    devices=[
        *(root_port(f"rp{n}", f"{n + 3:x}") for n in range(5)),
        endpoint("live", "rp0"),
        endpoint("second", "rp1"),
        endpoint("goes", "rp2"),
        endpoint("pulled", "rp3"),
    ],
    # Scans assign bus numbers, unless a live device prevents it.
    arguments="pci=assign-busses",
    cpus=2,
)

FOREVER = 10**9
TOKEN = 1
RESCAN: Request = ("file.write", "/sys/bus/pci/rescan", "1")

# EAGAIN: a scan is running. The others: the device is being removed, or removed already.
MEANWHILE = {0, EAGAIN}
GONE = {0, ENOENT, ENODEV, EBUSY, EAGAIN}


def keep_and_cancel(luo: int, function: Pci) -> list[Request]:
    """Preserves a device in a session of its own, and unpreserves it."""
    return [
        ("file.open", sample.node(function), "rw"),
        ("luo.create", luo, f"race-{function.bdf}"),
        ("luo.preserve_fd", "$1", "$0", TOKEN),
        ("fd.close", "$1"),
        ("fd.close", "$0"),
    ]


def remove_and_find(function: Pci) -> list[Request]:
    """Removes a device and finds it again."""
    return [
        ("file.write", f"{function.path}/reset", "1"),
        ("file.write", f"{function.path}/remove", "1"),
        RESCAN,
    ]


class Race:
    """Threads that run until they are stopped."""

    def __init__(self, vm: Vm, guest: Guest, threads: dict[str, list[Request]]) -> None:
        self._patience = 10 * vm.limits.request
        self._steps = threads
        self._running: dict[str, Stress] = {
            name: guest.stress(name, FOREVER, *steps) for name, steps in threads.items()
        }

    def stop(self) -> None:
        """Stops them, and checks the results of their steps."""
        for name, thread in self._running.items():
            for step, count in zip(self._steps[name], thread.stop(self._patience), strict=True):
                allowed = GONE if name == "remove" else MEANWHILE
                odd = {code: times for code, times in count.by_errno.items() if code not in allowed}
                check.empty(f"errors of {step[0]!r} in {name}", odd)
                # On a busy host, every single preserve may be refused because of a scan.
                check.true(f"{step[0]!r} in {name} was tried", count.ok or EAGAIN in count.by_errno)


def below(port: Pci) -> Pci:
    """The address of what is plugged into a port, computed since scans write bus numbers."""
    return port.guest.pci(f"0000:{port.bus_numbers.secondary:02x}:00.0")


def slot(guest: Guest, function: Pci) -> str:
    """The sysfs directory of the slot of a function. Power off takes effect immediately."""
    address, _, _ = function.bdf.rpartition(".")
    every = [f"/sys/bus/pci/slots/{name}" for name in guest.names("/sys/bus/pci/slots")]
    [found] = [path for path in every if guest.text(f"{path}/address") == address]
    return found


def story(vm: Vm) -> None:
    old = vm.boot()
    live, second = sample.bind(old, "live", "second")
    goes, pulled, late = old.pci("goes"), old.pci("pulled"), below(old.pci("rp4"))
    luo = old.open("/dev/liveupdate")

    vm.step("all at once")
    threads = {
        "scan": [RESCAN],
        "live": keep_and_cancel(luo.number, live),
        "second": keep_and_cancel(luo.number, second),
        "remove": remove_and_find(goes),
    }
    race = Race(vm, old, threads)
    vm.press_button("pulled")
    vm.plug(endpoint("late", "rp4"))
    vm.wait_for(f"{late} to be there", lambda: late.present)
    vm.wait_unplugged("pulled")
    race.stop()
    check.empty("outgoing", old.outgoing())
    check.true(f"{pulled} is gone", not pulled.present)

    session = Session(old, old.new_fd("luo.create", luo.number, "live"))
    sample.preserve(session, live, TOKEN)
    session = Session(old, old.new_fd("luo.create", luo.number, "second"))
    sample.preserve(session, second, TOKEN)
    new = vm.live_update()
    check.equal("incoming", len(new.incoming()), 4)

    vm.step("finished in the middle of scans, while one device comes and one goes")
    sample.bind(new, live.bdf, second.bdf)
    sessions = {name: new.retrieve_session(name) for name in ("live", "second")}
    for session in sessions.values():
        session.retrieve(TOKEN).close()
    race = Race(vm, new, {"scan": [RESCAN], "remove": remove_and_find(new.pci(goes.bdf))})
    power = new.stress("power", 1, ("file.write", f"{slot(new, late)}/power", "0"))
    vm.plug(endpoint("again", "rp3"))
    for session in sessions.values():
        session.finish()
    late, again = new.pci(late.bdf), new.pci(pulled.bdf)
    vm.wait_for(f"{again} to be there", lambda: again.present)
    vm.wait_unplugged("late")
    check.equal("slots without power", power.join(vm.limits.boot)[0].ok, 1)
    check.true(f"{late} is gone", not late.present)
    race.stop()
    check.empty("incoming", new.incoming())
    new.rescan()
    for function in (live, second, goes, again):
        check.true(f"{function} is there", new.pci(function.bdf).present)
