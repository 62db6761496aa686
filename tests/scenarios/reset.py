# SPDX-License-Identifier: GPL-2.0
"""Resets through sysfs are refused only while they would reset a live device."""

from errno import EBUSY

from vm import Guest, Machine, Vm, check, endpoint, fabric, root_port, sample, switch

MACHINE = Machine(
    devices=[
        root_port("rp0", "3"),
        root_port("rp1", "4"),
        switch("sw", "rp0", ports=1),
        endpoint("live", "sw.0"),
        endpoint("other", "rp1"),
    ],
)

ABOVE = ["rp0", "sw", "sw.0"]


def refused(guest: Guest, live: str, above: list[str]) -> None:
    """The reset files of the device, and of the bus below each bridge above it."""
    with check.refused(EBUSY):
        guest.pci(live).set_attribute("reset", "1")
    for bridge in above:
        with check.refused(EBUSY):
            guest.pci(bridge).set_attribute("reset_subordinate", "1")


def allowed(guest: Guest, device: str, bridge: str) -> None:
    """The same for a path that is not live."""
    guest.pci(device).set_attribute("reset", "1")
    guest.pci(bridge).set_attribute("reset_subordinate", "1")


def story(vm: Vm) -> None:
    old = vm.boot()
    live, above = old.pci("live").bdf, [old.pci(name).bdf for name in ABOVE]
    other, port = old.pci("other").bdf, old.pci("rp1").bdf
    allowed(old, live, above[-1])

    vm.step("preserved: refused; the other device is not concerned")
    sample.bind(old, live)
    session = old.create_session()
    sample.preserve(session, old.pci(live), 1)
    path = fabric.Path(*(old.pci(bdf) for bdf in [*above, live]))
    mark = vm.trace.mark()
    refused(old, live, above)
    allowed(old, other, port)

    new = vm.live_update()
    vm.step("incoming: refused")
    refused(new, live, above)
    allowed(new, other, port)
    path.undisturbed(vm.trace, mark)

    vm.step("finished: allowed")
    sample.bind(new, live)
    session = new.retrieve_session()
    session.retrieve(1).close()
    session.finish()
    new.pci(live).unbind()
    allowed(new, live, above[-1])
