# SPDX-License-Identifier: GPL-2.0
"""pci=assign-busses in the new kernel only, with room for hotplug: every BDF is kept."""

from vm import Machine, Vm, check, endpoint, fabric, root_port, sample, switch

MACHINE = Machine(
    devices=[
        root_port("rp0", "4"),
        root_port("rp1", "5"),
        switch("sw", "rp1"),
        endpoint("ep0", "sw.0"),
        endpoint("ep1", "rp0"),
    ],
)

LIVE = ["rp1", "sw", "sw.0", "ep0"]
# With room for hotplug before it, rp1 would get another bus number.
OPTION = "pci=assign-busses,hpbussize=3"


def story(vm: Vm) -> None:
    old = vm.boot()
    everything = sorted(old.names("/sys/bus/pci/devices"))
    live = [old.pci(name).bdf for name in LIVE]

    sample.bind(old, live[-1])
    session = old.create_session()
    sample.preserve(session, old.pci(live[-1]), 1)
    path = fabric.Path(*(old.pci(bdf) for bdf in live))
    mark = vm.trace.mark()
    new = vm.live_update(OPTION)

    check.equal("functions", sorted(new.names("/sys/bus/pci/devices")), everything)
    check.equal("incoming", set(new.incoming()), set(live))
    path.undisturbed(vm.trace, mark)
    path.reads_the_same(new.pci(bdf) for bdf in live)

    vm.step("for comparison: a jump with nothing preserved moves them")
    session = new.retrieve_session()
    sample.bind(new, live[-1])
    session.retrieve(1).close()
    session.finish()
    session.close()
    moved = vm.live_update(OPTION)
    check.true("the endpoint moved", moved.pci("ep0").bdf != live[-1])
