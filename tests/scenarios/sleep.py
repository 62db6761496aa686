# SPDX-License-Identifier: GPL-2.0
"""System sleep is refused while a device is live, and possible before and after.

Suspend, hibernation and kexec with preserved context stop all devices: they are refused
before anything is frozen. Unpreserved and finished devices do not prevent them.
"""

from errno import EBUSY

from vm import Expected, Guest, Machine, Vm, check, endpoint, root_port, sample

MACHINE = Machine(
    devices=[root_port("rp0", "4"), endpoint("live", "rp0")],
    # Sleep states are tested only (pm_test): the kernel resumes by itself.
    arguments="suspend.pm_test_delay=0 hibernate.pm_test_delay=0 no_console_suspend",
    # Hibernation wants as much free as is in use.
    memory=1536,
)

# A kexec that comes back resumes ACPI with interrupts off. Other ways to sleep say that the system
# is suspended, which is when it may wait there.
EXPECTED = [
    Expected(r"BUG: sleeping function called from invalid context at \S+/semaphore.c:\d+", None),
    Expected(r"Call Trace:", None),
]

STATS = "/sys/power/suspend_stats"
FROZEN = "Freezing user space processes"


def suspend(guest: Guest) -> None:
    """All devices are suspended."""
    guest.write("/sys/power/pm_test", "devices")
    guest.write("/sys/power/state", "freeze")


def hibernate(guest: Guest) -> None:
    """User space is frozen."""
    guest.write("/sys/power/pm_test", "freezer")
    guest.write("/sys/power/state", "disk")


def jump_and_come_back(guest: Guest) -> None:
    """Devices are suspended, and other code runs for a moment."""
    guest.request("kernel.kexec_load_there_and_back")
    guest.request("kernel.kexec")


WAYS = (suspend, hibernate, jump_and_come_back)


def sleeps(guest: Guest) -> None:
    """Sleeps in every way."""
    for way in WAYS:
        frozen = len(guest.said(FROZEN))
        way(guest)
        check.true(f"user space was frozen to {way.__name__}", len(guest.said(FROZEN)) > frozen)


def refuses(guest: Guest) -> None:
    """Every way is refused, without any effect."""
    frozen = len(guest.said(FROZEN))
    for way in WAYS:
        with check.refused(EBUSY):
            way(guest)
    check.equal("how often user space was frozen", len(guest.said(FROZEN)), frozen)


def story(vm: Vm) -> None:
    old = vm.boot()
    (live,) = sample.bind(old, "live")
    sleeps(old)
    suspended = int(old.text(f"{STATS}/success"))
    check.true("suspends that worked", suspended > 0)

    vm.step("a device is preserved: refused")
    session = old.create_session()
    sample.preserve(session, live, 1)
    live.bus_master = True
    mark = vm.trace.mark()
    refuses(old)
    check.equal("suspends that worked", int(old.text(f"{STATS}/success")), suspended)
    check.equal("writes to the device", list(vm.trace.writes(live.bdf, since=mark)), [])

    vm.step("given back, it is in nobody's way")
    session.close()
    sleeps(old)

    session = old.create_session()
    sample.preserve(session, live, 1)
    new = vm.live_update()
    live = new.pci(live.bdf)
    vm.step("it is incoming: refused")
    mark = vm.trace.mark()
    refuses(new)
    check.equal("writes to the device", list(vm.trace.writes(live.bdf, since=mark)), [])

    vm.step("finished, it is in nobody's way")
    sample.bind(new, live.bdf)
    session = new.retrieve_session()
    session.retrieve(1).close()
    session.finish()
    sleeps(new)
