# SPDX-License-Identifier: GPL-2.0
"""Only the driver of a live endpoint can clear Bus Master.

An incoming device without a driver keeps it. Calls of a driver that is bound with
driver_override take effect, also when the driver core releases its resources. Bridges above
keep it, whatever driver is bound to them. During kexec a device that is handed over keeps it
while its driver is bound; a device that is not handed over loses it.
"""

from errno import ENODEV

from vm import Machine, Vm, check, endpoint, fabric, root_port, sample
from vm.fabric import masters_cleared
from vm.vfio import NO_IOMMU, VARIANT, Vfio

MACHINE = Machine(
    devices=[
        root_port("rp0", "4"),
        root_port("rp1", "5"),
        root_port("rp2", "6"),
        endpoint("managed", "rp0"),
        endpoint("opened", "rp1"),
        endpoint("dead", "rp2"),
    ],
    arguments=NO_IOMMU,
)

LIVE = ("managed", "opened")
PORTS = ("rp0", "rp1")
# Enables every device that it is bound to, detects that it is no serial port, and fails. It
# leaves disabling the device to the driver core.
GIVES_UP = "serial"
PORTDRV = "pcieport"


def story(vm: Vm) -> None:
    old = vm.boot()
    live, dead = sample.bind(old, *LIVE), old.pci("dead")
    ports = [old.pci(name) for name in PORTS]
    for function in [*live, dead, *ports]:
        function.bus_master = True
    session = old.create_session()
    for token, function in enumerate(live):
        sample.preserve(session, function, token)
    path = fabric.Path(*live, *ports)

    mark = vm.trace.mark()
    new = vm.live_update()
    vm.step("at the jump, what is handed over keeps it, and nothing else")
    path.undisturbed(vm.trace, mark)
    managed, opened = (new.pci(function.bdf) for function in live)
    ports = [new.pci(port.bdf) for port in ports]
    check.true(f"Bus Master of {dead} was cleared", masters_cleared(vm.trace, [dead], mark))
    check.true("it is off", not new.pci(dead.bdf).bus_master)

    vm.step("without a driver they keep it, whoever enables and disables them")
    for function in (managed, opened):
        function.set_attribute("enable", "1")
        function.set_attribute("enable", "0")
        check.true(f"Bus Master of {function}", function.bus_master)
    path.undisturbed(vm.trace, mark)

    vm.step("a driver that gives up has its device disabled for it")
    with check.refused(ENODEV):
        managed.bind(GIVES_UP)
    managed.set_attribute("driver_override", "\n")
    check.true("the device is incoming", managed.bdf in new.incoming())
    check.true(f"Bus Master of {managed} is off", not managed.bus_master)

    vm.step("one that opens its device stops it first")
    check.true(f"Bus Master of {opened}", opened.bus_master)
    opened.bind(VARIANT)
    check.true(f"Bus Master of {opened} outlives the probe", opened.bus_master)
    device = Vfio(opened)
    check.true(f"Bus Master of {opened} is off", not opened.bus_master)
    opened.bus_master = True
    device.close()
    check.true("closed, it is off again", not opened.bus_master)
    check.true("the device is incoming", opened.bdf in new.incoming())
    opened.unbind()

    vm.step("the bridges above keep it, whatever their driver says")
    for port in ports:
        port.unbind()
        new.write(f"/sys/bus/pci/drivers/{PORTDRV}/bind", port.bdf)
        check.true(f"Bus Master of {port}", port.bus_master)
    check.equal("writes that clear it", masters_cleared(vm.trace, ports, mark), [])
