# SPDX-License-Identifier: GPL-2.0
"""A bridge plugged in beside a preserved device gets bus numbers only after unpreserve."""

from vm import Machine, Vm, check, device, endpoint, root_port, sample
from vm.pci import BUS_NUMBER_BYTES

MACHINE = Machine(
    devices=[root_port("rp0", "3"), root_port("rp1", "4"), endpoint("ep1", "rp1")],
    # Bus numbers behind each port for what is plugged in later.
    arguments="pci=assign-busses,hpbussize=4",
    qemu=["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"],
)


def story(vm: Vm) -> None:
    old = vm.boot()
    sample.bind(old, "ep1")
    session = old.create_session()
    sample.preserve(session, old.pci("ep1"), 1)

    mark = vm.trace.mark()
    vm.plug(device("pcie-pci-bridge", "plugged", "rp0"))
    bdf = f"0000:{old.pci('rp0').bus_numbers.secondary:02x}:00.0"
    refusal = f"{bdf}: not scanned"
    vm.wait_for("the bridge is left alone", lambda: bool(old.said(refusal, 3)))
    check.true("the bridge is there", old.pci(bdf).present)
    old.rescan()
    writes = [str(w) for w in vm.trace.writes(None, BUS_NUMBER_BYTES, since=mark)]
    check.empty("bus numbers written", writes)

    vm.step("the session is closed: a scan gives the bridge its numbers")
    session.close()
    old.rescan()
    check.true("they are written", list(vm.trace.writes(bdf, BUS_NUMBER_BYTES, since=mark)))
    numbers = old.pci(bdf).bus_numbers
    port = old.pci("rp0").bus_numbers
    check.true(
        f"{tuple(numbers)} is within {tuple(port)}",
        port.secondary < numbers.secondary <= numbers.subordinate <= port.subordinate,
    )
