# SPDX-License-Identifier: GPL-2.0
"""The same devices go from kernel to kernel, and not each kernel finishes all of them.

What counts at each jump is what is preserved for it. A device that a kernel got, but
neither finished nor preserved, goes no further.
"""

from collections.abc import Iterable

from demo.traffic import masters_cleared
from vm import Guest, Machine, Pci, Vm, check, endpoint, root_port, sample, switch
from vm.liveupdate import counts, due

MACHINE = Machine(
    devices=[
        root_port("rp", "4"),
        switch("sw", "rp", 3),
        endpoint("always", "sw.0"),
        endpoint("once", "sw.1"),
        endpoint("unfinished", "sw.2"),
    ],
    leaks=True,
)

NAMES = ("always", "once", "unfinished")


def preserve(guest: Guest, devices: dict[str, Pci], names: Iterable[str]) -> dict[str, int]:
    """Preserves these, each in a session of its name. Returns what that has to count."""
    for name in names:
        (device,) = sample.bind(guest, devices[name].bdf)
        sample.preserve(guest.create_session(name), device, NAMES.index(name))
    found = counts(guest.outgoing())
    check.equal("outgoing", found, due(*(devices[name] for name in names)))
    return found


def finish(guest: Guest, devices: dict[str, Pci], name: str) -> None:
    """Takes a device over."""
    sample.bind(guest, devices[name].bdf)
    session = guest.retrieve_session(name)
    session.retrieve(NAMES.index(name)).close()
    session.finish()
    session.close()


def arrived(guest: Guest, devices: dict[str, Pci], told: dict[str, int]) -> dict[str, Pci]:
    """A kernel that was told of these, and found them. Returns all devices as it has them."""
    check.equal("incoming", counts(guest.incoming()), told)
    path = [guest.pci(bdf) for bdf in told]
    check.empty("functions without Bus Master", [item for item in path if not item.bus_master])
    check.empty("outgoing", guest.outgoing())
    return {name: guest.pci(item.bdf) for name, item in devices.items()}


def story(vm: Vm) -> None:
    first = vm.boot()
    devices = {name: first.pci(name) for name in NAMES}
    before = vm.trace.mark()
    told = preserve(first, devices, NAMES)

    second = vm.live_update()
    vm.step("the second kernel finishes two of three, and preserves two of three")
    devices = arrived(second, devices, told)
    finish(second, devices, "always")
    finish(second, devices, "once")
    check.equal("incoming", counts(second.incoming()), due(devices["unfinished"]))
    told = preserve(second, devices, ("always", "unfinished"))
    lost = [devices["once"], second.pci("sw.1")]
    check.empty("writes that clear Bus Master", masters_cleared(vm, lost, before))

    third = vm.live_update()
    vm.step("the third kernel is told of those, finishes one, and preserves all")
    devices = arrived(third, devices, told)
    for function in lost:
        check.true(f"{function} lost Bus Master", masters_cleared(vm, [function], before))
    finish(third, devices, "always")
    told = preserve(third, devices, NAMES)

    fourth = vm.live_update()
    vm.step("the fourth kernel is told of all, and finishes all")
    devices = arrived(fourth, devices, told)
    whole = [fourth.pci(bdf) for bdf in due(devices["always"], devices["unfinished"])]
    check.empty("writes that clear Bus Master", masters_cleared(vm, whole, before))
    for name in NAMES:
        finish(fourth, devices, name)
    check.empty("incoming", fourth.incoming())
