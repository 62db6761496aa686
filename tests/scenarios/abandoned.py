# SPDX-License-Identifier: GPL-2.0
"""Whatever runs on when its update ends, and belongs to no driver, is stopped.

A USB controller counts into a page of the session. In the new kernel it has no driver,
and its handler cannot tell which device its file was about: what the old kernel saved is
damaged. When the session ends the page goes back to the allocator, so the core stops
the controller, and what is above it goes on. A device that has a driver is the driver's.
"""

from errno import ENODEV

from vm import Machine, Pci, Vm, check, device, endpoint, fabric, root_port, sample, switch
from vm.heart import Heart, preserved_page
from vm.liveupdate import counts, due

MACHINE = Machine(
    devices=[
        root_port("rp", "4"),
        switch("sw", "rp", 1),
        device("pcie-pci-bridge", "bridge", "sw.0"),
        endpoint("usb", "bridge", "pci-ohci", "1"),
        root_port("rp1", "5"),
        endpoint("owned", "rp1"),
    ]
)

CONTROLLER, AREA, OWNED = 1, 2, 3
WARNING = 4
# Where there is no device.
NOWHERE = b"0000:7f:00.0"


def damage(vm: Vm, *functions: Pci) -> None:
    """What the handler saved for these: it begins with the name, padded."""
    for function in functions:
        name = function.bdf.encode()
        [found] = vm.ram.find(name.ljust(32, b"\0"))
        vm.ram.write(found, NOWHERE)


def never_finished(vm: Vm, usb: Pci, owned: Pci) -> None:
    """The session ends without any of its devices."""
    guest = usb.guest
    everything = due(usb, owned)
    session = guest.retrieve_session()
    for token in (CONTROLLER, OWNED):
        with check.refused(ENODEV):
            session.retrieve(token)
    check.equal("incoming", counts(guest.incoming()), everything)
    session.finish()
    check.empty("incoming", guest.incoming())
    check.equal("functions never finished", guest.stats()["never_finished"], len(everything))
    log = "\n".join(guest.log(WARNING))
    unnamed = [bdf for bdf in everything if f"{bdf}: not finished" not in log]
    check.empty("functions that no warning names", unnamed)


def story(vm: Vm) -> None:
    old = vm.boot()
    usb, owned = sample.bind(old, "usb", "owned")
    session = old.create_session()
    area = preserved_page(vm, session, AREA)

    vm.step("the controller counts into a preserved page, and goes on in the next kernel")
    heart = Heart(vm, usb)
    heart.start(area)
    heart.beats(area)
    sample.preserve(session, usb, CONTROLLER)
    sample.preserve(session, owned, OWNED)
    before = vm.trace.mark()
    new = vm.live_update(at_jump=lambda: damage(vm, usb, owned))
    usb = new.pci(usb.bdf)
    (owned,) = sample.bind(new, owned.bdf)
    heart = Heart(vm, usb)
    heart.beats(area)
    check.true("it was never refused", not heart.tripped)
    check.true("it has no driver", usb.driver is None)

    vm.step("the session ends without it: it is stopped, and nothing else is")
    never_finished(vm, usb, owned)
    check.true("Bus Master of the controller is off", not usb.bus_master)
    vm.wait_for("the controller is refused", lambda: heart.tripped, 5)
    bridges = usb.line[:-1]
    check.empty("bridges that lost Bus Master", [it for it in bridges if not it.bus_master])
    others = [*bridges, *owned.line]
    check.empty("writes that clear it", fabric.masters_cleared(vm.trace, others, before))
    check.true("Bus Master of the device with a driver is on", owned.bus_master)

    vm.step("it is a function like any other")
    sample.bind(new, usb.bdf)
    check.true("its driver switches it on", usb.bus_master)
    sample.preserve(new.create_session(), usb, CONTROLLER)
    check.equal("outgoing", counts(new.outgoing()), due(usb))
