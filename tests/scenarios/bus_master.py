# SPDX-License-Identifier: GPL-2.0
"""Bus Master is kept along the path of a preserved device.

Kexec clears it on all other devices. In the new kernel, neither `enable` in sysfs nor an
unbind clears it on an incoming device; once the device is finished, they do. Bridges above
keep it in both kernels when portdrv is unbound and bound.
"""

from vm import Machine, Pci, Vm, check, endpoint, fabric, root_port, sample, switch
from vm.fabric import masters_cleared

MACHINE = Machine(
    devices=[
        root_port("rp0", "4"),
        root_port("rp1", "5"),
        switch("sw", "rp0", ports=1),
        endpoint("live", "sw.0"),
        endpoint("dead", "rp1"),
    ],
)

LIVE = ["rp0", "sw", "sw.0", "live"]
PORTDRV = "pcieport"


def enable_and_disable(device: Pci) -> None:
    """What user space can do to a device without a driver."""
    device.set_attribute("enable", "1")
    device.set_attribute("enable", "0")


def without_portdrv(bridge: Pci) -> None:
    """What user space can do to a bridge: unbind its driver, and bind it again."""
    check.equal(f"driver of {bridge}", bridge.driver, PORTDRV)
    bridge.unbind()
    check.equal(f"driver of {bridge}", bridge.driver, None)
    bridge.guest.write(f"/sys/bus/pci/drivers/{PORTDRV}/bind", bridge.bdf)
    check.equal(f"driver of {bridge}", bridge.driver, PORTDRV)


def story(vm: Vm) -> None:
    old = vm.boot()
    live, dead = [old.pci(name) for name in LIVE], [old.pci(name) for name in ("rp1", "dead")]
    sample.bind(old, "live", "dead")
    for function in [*live, *dead]:
        function.bus_master = True
    session = old.create_session()
    sample.preserve(session, live[-1], 1)
    path = fabric.Path(*live)

    vm.step("portdrv stops a bridge that it leaves, but none above a preserved device")
    mark = vm.trace.mark()
    for bridge in [dead[0], *live[:-1]]:
        without_portdrv(bridge)
    check.true(f"Bus Master of {dead[0]} was cleared", masters_cleared(vm.trace, dead[:1], mark))
    path.undisturbed(vm.trace, mark)
    path.reads_the_same(live)

    mark = vm.trace.mark()
    new = vm.live_update()
    for function in dead:
        cleared = masters_cleared(vm.trace, [function], mark)
        check.true(f"Bus Master of {function} was cleared", cleared)
    check.true("the other device is off", not new.pci(dead[-1].bdf).bus_master)
    path.undisturbed(vm.trace, mark)
    live = [new.pci(bdf) for bdf in path.bdfs]
    path.reads_the_same(live)

    vm.step("nobody switches an incoming device off")
    device = live[-1]
    enable_and_disable(device)
    sample.bind(new, device.bdf)
    device.unbind()
    path.undisturbed(vm.trace, mark)
    path.reads_the_same(live)

    vm.step("nor the bridges above it")
    for bridge in live[:-1]:
        without_portdrv(bridge)
    path.undisturbed(vm.trace, mark)
    path.reads_the_same(live)

    vm.step("unplugged and found again by software, it is still incoming")
    device.remove()
    new.rescan()
    check.true("it is incoming", device.bdf in new.incoming())
    path.undisturbed(vm.trace, mark)

    vm.step("finished, it is a device like any other")
    sample.bind(new, device.bdf)
    session = new.retrieve_session()
    session.retrieve(1).close()
    session.finish()
    device.unbind()
    device.set_attribute("driver_override", "\n")
    mark = vm.trace.mark()
    # Not every driver that was unbound has disabled what it enabled.
    while device.attribute("enable") != "0":
        device.set_attribute("enable", "0")
    check.true("Bus Master was cleared", masters_cleared(vm.trace, [device], mark))
    check.true("it is off", not device.bus_master)
