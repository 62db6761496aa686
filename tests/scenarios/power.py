# SPDX-License-Identifier: GPL-2.0
"""A live device and the bridges above it are not runtime suspended."""

from vm import Guest, Machine, Vm, check, endpoint, root_port, sample

MACHINE = Machine(
    devices=[
        root_port("rp0", "3"),
        root_port("rp1", "4"),
        endpoint("live", "rp0"),
        endpoint("other", "rp1"),
    ],
    # Otherwise ports that support hotplug stay awake anyway.
    arguments="pcie_port_pm=force",
)

LIVE = ["rp0", "live"]
STATUS = "power/runtime_status"


def let_sleep(guest: Guest, *bdfs: str) -> None:
    """The device first: a bridge is not suspended before the devices below it."""
    for bdf in reversed(bdfs):
        guest.pci(bdf).set_attribute("power/control", "auto")


def story(vm: Vm) -> None:
    old = vm.boot()
    live, other = [old.pci(name).bdf for name in LIVE], old.pci("other").bdf
    sample.bind(old, live[-1])
    session = old.create_session()
    sample.preserve(session, old.pci(live[-1]), 1)
    let_sleep(old, *live, other)
    vm.wait_for("the other device sleeps", lambda: old.pci(other).attribute(STATUS) == "suspended")
    for bdf in live:
        check.equal(f"{bdf} in the old kernel", old.pci(bdf).attribute(STATUS), "active")

    new = vm.live_update()
    let_sleep(new, *live, other)
    vm.wait_for("the other device sleeps", lambda: new.pci(other).attribute(STATUS) == "suspended")
    for bdf in live:
        check.equal(f"{bdf} in the new kernel", new.pci(bdf).attribute(STATUS), "active")
    check.true("Bus Master of the port", new.pci(live[0]).bus_master)
