# SPDX-License-Identifier: GPL-2.0
"""A USB controller writes a counter to memory every millisecond, during kexec as well.

It writes to a page of a memfd that the session preserves (vm/heart.py). If it is not
preserved, the controller reports the first write that is rejected.
"""

from vm import Machine, Vm, check, device, endpoint, root_port, sample, switch
from vm.fabric import masters_cleared
from vm.heart import FRAME_NUMBER, Heart, preserved_page

MACHINE = Machine(
    devices=[
        root_port("rp", "4"),
        switch("sw", "rp", 1),
        device("pcie-pci-bridge", "bridge", "sw.0"),
        endpoint("usb", "bridge", "pci-ohci", "1"),
    ]
)
PATH = ("rp", "sw", "sw.0", "bridge", "usb")
CASES = {"preserved": True, "not-preserved": False}

CONTROLLER, AREA = 1, 2


def story(vm: Vm, preserve: bool) -> None:
    old = vm.boot()
    sample.bind(old, "usb")
    path = [old.pci(name) for name in PATH]
    usb = path[-1]
    session = old.create_session()
    page = preserved_page(vm, session, AREA)

    vm.step("the controller counts into a preserved page")
    heart = Heart(vm, usb)
    heart.start(page)
    heart.beats(page)
    check.true("the trip wire is whole", not heart.tripped)
    if preserve:
        sample.preserve(session, usb, CONTROLLER)
    before = vm.trace.mark()
    new = vm.live_update()

    usb = new.pci(usb.bdf)
    heart = Heart(vm, usb)
    if not preserve:
        vm.step("nobody preserved it: it tripped, and has stopped")
        check.true("the trip wire is torn", heart.tripped)
        stopped = heart.written(page)
        check.true("the controller lost Bus Master", masters_cleared(vm.trace, [usb], before))
        check.true("Bus Master is off", not usb.bus_master)
        check.equal("the last beat", heart.written(page), stopped)
        return

    vm.step("it counts on, and has never been refused")
    check.true("the trip wire is whole", not heart.tripped)
    heart.beats(page)
    check.empty("writes that clear Bus Master", masters_cleared(vm.trace, path, before))

    vm.step("user space of the new kernel has the page, and the beat in it")
    sample.bind(new, usb.bdf)
    session = new.retrieve_session()
    memory = session.retrieve(AREA)
    session.retrieve(CONTROLLER)
    first = memory.peek(FRAME_NUMBER, 2)
    vm.wait_for("the beat in user space", lambda: memory.peek(FRAME_NUMBER, 2) != first)
    check.true("the trip wire is whole", not heart.tripped)
    # It must be stopped before its memory is freed.
    heart.stop()
    session.finish()
    check.empty("incoming", new.incoming())
