# SPDX-License-Identifier: GPL-2.0
"""Another device is in the slot of a preserved one when the next kernel enumerates.

The host takes the device out of its slot at the end of the old kernel, and plugs in another
model. The new kernel says which it expected and which it found, stops the latter, and
takes over the rest.
"""

from errno import ENODEV

from vm import Machine, Vm, check, endpoint, fabric, root_port, sample
from vm.liveupdate import due, summary

MACHINE = Machine(
    devices=[
        root_port("rp0", "4"),
        endpoint("before", "rp0"),
        root_port("rp1", "5"),
        endpoint("there", "rp1"),
    ],
    leaks=2,
)

BEFORE, THERE = 1, 2
ERROR = 3


def story(vm: Vm) -> None:
    # Without port drivers, the old kernel does not handle the event.
    old = vm.boot("pcie_ports=compat")
    before, there = sample.bind(old, "before", "there")
    port = old.pci("rp0")
    session = old.create_session()
    sample.preserve(session, before, BEFORE)
    sample.preserve(session, there, THERE)
    everything = due(before, there)
    model = f"{before.read(0, 2):04x}:{before.read(2, 2):04x}"

    vm.step("another device comes into the slot")
    fabric.power(port, on=False)
    vm.plug(endpoint("after", "rp0", "virtio-rng-pci"))
    fabric.power(port, on=True)
    found = f"{before.read(0, 2):04x}:{before.read(2, 2):04x}"
    check.true(f"{found} is another model", found not in (model, "ffff:ffff"))
    before.write(4, 2, before.read(4, 2) | 4)
    new = vm.live_update("pcie_ports=compat")

    vm.step("the new kernel expects the one and finds the other")
    after = new.pci(before.bdf)
    incoming = new.incoming()
    check.equal("what is handed over", set(incoming), set(everything))
    entry = incoming[after.bdf]
    check.equal("state", entry.state, "missing")
    told = f"expected {model} class"
    check.true(f"{told} in {entry.detail}", told in entry.detail)
    check.true(f"{found} in {entry.detail}", f"found {found} class" in entry.detail)
    errors = [line for line in new.log(ERROR) if after.bdf in line]
    check.equal("error lines about it", len(errors), 1)
    check.true("the line names both", told in errors[0] and f"found {found}" in errors[0])
    check.equal("other devices", new.stats()["other_device"], 1)
    lines = new.said(summary(len(everything), found=len(everything) - 1))
    check.equal("lines that sum it up", len(lines), 1)

    vm.step("the rest is taken over")
    (there,) = sample.bind(new, there.bdf)
    session = new.retrieve_session()
    session.retrieve(THERE).close()
    with check.refused(ENODEV):
        session.retrieve(BEFORE)
    session.finish()
    check.empty("incoming", new.incoming())
    check.true("the other device can be bound", sample.bind(new, after.bdf)[0].driver)
