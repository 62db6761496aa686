# SPDX-License-Identifier: GPL-2.0
"""An incoming device is bound only if user space names its driver; after finish, as usual."""

from errno import ENODEV

from vm import Machine, Vm, check, endpoint, root_port, sample

MACHINE = Machine(
    devices=[
        root_port("rp0", "3"),
        root_port("rp1", "4"),
        endpoint("live", "rp0"),
        endpoint("other", "rp1"),
    ],
)

# A driver that matches every device with this ID, and does not declare liveupdate.
STUB = "pci-stub"
ID = "1234:11e8"


def story(vm: Vm) -> None:
    old = vm.boot()
    sample.bind(old, "live")
    session = old.create_session()
    sample.preserve(session, old.pci("live"), 1)
    bdfs = [old.pci(name).bdf for name in ("rp0", "live", "other")]

    vm.step("a driver that wants both is there before they are")
    new = vm.live_update(f"pci-stub.ids={ID}")
    port, live, other = (new.pci(bdf) for bdf in bdfs)
    check.equal("driver of the port", port.driver, "pcieport")
    check.equal("driver of the other device", other.driver, STUB)
    check.equal("driver of the incoming device", live.driver, None)

    vm.step("it is not had by asking again")
    new.write("/sys/bus/pci/drivers_probe", live.bdf)
    new.rescan()
    check.equal("driver", live.driver, None)
    said = new.said(f"{live.bdf}: incoming: {STUB}")
    check.equal("how often the log says why", len(said), 1)

    vm.step("a plain bind is not enough")
    with check.refused(ENODEV):
        new.write(f"/sys/bus/pci/drivers/{STUB}/bind", live.bdf)
    check.equal("driver", live.driver, None)

    vm.step("with driver_override, both bind and drivers_probe do")
    live.set_attribute("driver_override", STUB)
    new.write(f"/sys/bus/pci/drivers/{STUB}/bind", live.bdf)
    check.equal("driver", live.driver, STUB)
    live.unbind()
    new.write("/sys/bus/pci/drivers_probe", live.bdf)
    check.equal("driver", live.driver, STUB)
    live.unbind()

    vm.step("finished, it is a device like any other")
    sample.bind(new, live.bdf)
    session = new.retrieve_session()
    session.retrieve(1).close()
    session.finish()
    live.unbind()
    live.set_attribute("driver_override", "\n")
    new.write("/sys/bus/pci/drivers_probe", live.bdf)
    check.equal("driver", live.driver, STUB)
