# SPDX-License-Identifier: GPL-2.0
"""Drivers cannot reset a live device that they do not own; error recovery can.

A variant of vfio-pci, bound with driver_override, does not declare liveupdate. It resets a
device when it is opened, and a whole bus when the last file of it is closed: neither resets an
incoming device, and the reset files in sysfs are refused for its owner as well. A fatal error
still resets the link below its port: that device has failed already.
"""

from errno import EBUSY, EINVAL

from vm import Guest, Machine, Pci, Vm, check, endpoint, root_port, sample
from vm.pci import BRIDGE_CONTROL, BRIDGE_CONTROL_RESET
from vm.trace import Mark
from vm.vfio import NO_IOMMU, VARIANT, Vfio

MACHINE = Machine(
    devices=[
        root_port("rp0", "4"),
        root_port("rp1", "5"),
        root_port("rp2", "6"),
        root_port("rp3", "7"),
        endpoint("live", "rp0"),
        endpoint("other", "rp1"),
        # None of these functions has a function reset: vfio-pci resets the bus.
        endpoint("left", "rp3", addr="0.0", multifunction="on"),
        endpoint("right", "rp3", addr="0.1"),
        # Can report errors.
        endpoint("failing", "rp2", "virtio-rng-pci", aer="on", disable_legacy="on"),
    ],
    arguments=NO_IOMMU,
)

RECOVERED = "AER: device recovery"


def resets(vm: Vm, port: Pci, since: Mark) -> int:
    """The number of resets of everything below a port."""
    writes = vm.trace.writes(port.bdf, BRIDGE_CONTROL, since=since)
    return sum(bool(write.value & BRIDGE_CONTROL_RESET) for write in writes)


def opened_and_closed(vm: Vm, port: Pci, function: Pci, works: bool) -> None:
    """User space opens a device, requests a reset, and closes it."""
    mark = vm.trace.mark()
    function.bind(VARIANT)
    device = Vfio(function)
    if works:
        device.reset()
    else:
        # A device that could not be reset when it was opened is considered to have no reset.
        with check.refused(EINVAL):
            device.reset()
    device.close()
    function.unbind()
    check.equal(f"there were resets below {port}", resets(vm, port, mark) > 0, works)


def closed_beside(vm: Vm, port: Pci, functions: list[Pci], works: bool) -> None:
    """User space opens a function of a bus, and closes it."""
    mark = vm.trace.mark()
    for function in functions:
        function.bind(VARIANT)
    Vfio(functions[0]).close()
    for function in functions:
        function.unbind()
    check.equal(f"there were resets below {port}", resets(vm, port, mark) > 0, works)


def owned(vm: Vm, guest: Guest, port: Pci, function: Pci) -> None:
    """The owner may reset it, but sysfs may not."""
    mark = vm.trace.mark()
    check.equal("driver", function.driver, sample.DRIVER)
    with check.refused(EBUSY):
        function.set_attribute("reset", "1")
    with check.refused(EBUSY):
        guest.pci(port.bdf).set_attribute("reset_subordinate", "1")
    check.equal("resets", resets(vm, port, mark), 0)


def fails(vm: Vm, guest: Guest, port: Pci) -> None:
    """Injects a fatal error, which the port reports."""
    mark = vm.trace.mark()
    said = len(guest.said(RECOVERED))
    vm.qmp.hmp("pcie_aer_inject_error failing DLP")
    vm.wait_for("the kernel to recover", lambda: len(guest.said(RECOVERED)) > said)
    check.true(f"the link below {port} was reset", resets(vm, port, mark))


def story(vm: Vm) -> None:
    old = vm.boot()
    port, other_port, failing_port, shared_port = (old.pci(f"rp{n}") for n in range(4))
    other, left, right = (old.pci(name) for name in ("other", "left", "right"))
    vm.step("vfio-pci resets what is not live")
    opened_and_closed(vm, other_port, other, works=True)
    closed_beside(vm, shared_port, [left, right], works=True)

    old.pci("failing").unbind()
    live, failing, right = sample.bind(old, "live", "failing", "right")
    session = old.create_session()
    for token, function in enumerate([live, failing, right]):
        sample.preserve(session, function, token)
    vm.step("outgoing: no reset through sysfs, also not while its owner is there")
    owned(vm, old, port, live)
    new = vm.live_update()
    live = new.pci(live.bdf)

    vm.step("incoming: a driver that is bound by hand does not reset it")
    opened_and_closed(vm, port, live, works=False)
    check.true("the device is incoming", live.bdf in new.incoming())
    opened_and_closed(vm, other_port, new.pci(other.bdf), works=True)
    vm.step("nor does one that is bound to its neighbour as well")
    left, right = new.pci(left.bdf), new.pci(right.bdf)
    right.bus_master = True
    closed_beside(vm, shared_port, [left, right], works=False)
    check.true(f"Bus Master of {right}", right.bus_master)

    vm.step("nor does sysfs while its owner is there")
    sample.bind(new, live.bdf)
    owned(vm, new, port, live)
    vm.step("a device that fails is reset, live or not")
    check.true("it is incoming", failing.bdf in new.incoming())
    fails(vm, new, failing_port)

    vm.step("finished, it is a device like any other")
    sample.bind(new, failing.bdf, right.bdf)
    session = new.retrieve_session()
    for token in range(3):
        session.retrieve(token).close()
    session.finish()
    live.unbind()
    right.unbind()
    opened_and_closed(vm, port, live, works=True)
    closed_beside(vm, shared_port, [left, right], works=True)
