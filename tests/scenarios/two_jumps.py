# SPDX-License-Identifier: GPL-2.0
"""The same devices are handed over twice, and not every kernel finishes all of them.

What a kernel preserves is handed over. A device that it got, but neither finished nor
preserved, is not: it is stopped, and the port above it as well.
"""

from collections.abc import Iterable

from vm import Guest, Machine, Pci, Vm, check, endpoint, root_port, sample, switch
from vm.fabric import masters_cleared
from vm.liveupdate import counts, due
from vm.pci import COMMAND, COMMAND_MASTER
from vm.trace import Mark

MACHINE = Machine(
    devices=[
        root_port("rp", "4"),
        switch("sw", "rp", 4),
        endpoint("always", "sw.0"),
        endpoint("once", "sw.1"),
        endpoint("unfinished", "sw.2"),
        endpoint("forgotten", "sw.3"),
    ],
    leaks=4,
)

NAMES = ("always", "once", "unfinished", "forgotten")


def preserve(guest: Guest, devices: dict[str, Pci], names: Iterable[str]) -> dict[str, int]:
    """Preserves these, each in a session of its name. Returns the expected counts."""
    for name in names:
        (device,) = sample.bind(guest, devices[name].bdf)
        sample.preserve(guest.create_session(name), device, NAMES.index(name))
    found = counts(guest.outgoing())
    check.equal("outgoing", found, due(*(devices[name] for name in names)))
    return found


def finish(guest: Guest, devices: dict[str, Pci], name: str) -> None:
    """Retrieves and finishes a device."""
    sample.bind(guest, devices[name].bdf)
    session = guest.retrieve_session(name)
    session.retrieve(NAMES.index(name)).close()
    session.finish()
    session.close()


def arrived(guest: Guest, devices: dict[str, Pci], told: dict[str, int]) -> dict[str, Pci]:
    """A kernel that found these as incoming. Returns its view of all devices."""
    check.equal("incoming", counts(guest.incoming()), told)
    path = [guest.pci(bdf) for bdf in told]
    check.empty("functions without Bus Master", [item for item in path if not item.bus_master])
    check.empty("outgoing", guest.outgoing())
    return {name: guest.pci(item.bdf) for name, item in devices.items()}


def stopped(vm: Vm, guest: Guest, bdf: str, since: Mark, jump: Mark) -> None:
    """The previous kernel cleared Bus Master, and only a driver of this one has set it."""
    commands = [list(vm.trace.writes(bdf, COMMAND, since=since, until=jump))]
    commands.append(list(vm.trace.writes(bdf, COMMAND, since=jump)))
    for kernel, writes in zip(("before the jump", "after it"), commands, strict=True):
        check.true(f"Command of {bdf} is written {kernel}", writes)
    left, found = commands[0][-1], commands[1][0]
    check.true(f"{bdf} lost Bus Master at the jump: {left}", not left.value & COMMAND_MASTER)
    check.true(f"{bdf} is found without it: {found}", not found.value & COMMAND_MASTER)
    function = guest.pci(bdf)
    if function.driver is None:
        check.true(f"Bus Master of {bdf} is off", not function.bus_master)


def story(vm: Vm) -> None:
    first = vm.boot()
    devices = {name: first.pci(name) for name in NAMES}
    before = vm.trace.mark()
    told = preserve(first, devices, NAMES)

    second = vm.live_update()
    vm.step("the second kernel finishes two of four, and preserves two of four")
    devices = arrived(second, devices, told)
    finish(second, devices, "always")
    finish(second, devices, "once")
    left = due(devices["unfinished"], devices["forgotten"])
    check.equal("incoming", counts(second.incoming()), left)
    told = preserve(second, devices, ("always", "unfinished"))
    lost = [second.pci(name) for name in ("once", "sw.1", "forgotten", "sw.3")]
    check.empty("writes that clear Bus Master", masters_cleared(vm.trace, lost, before))

    jump: list[Mark] = []
    before_jump = vm.trace.mark()
    third = vm.live_update(at_jump=lambda: jump.append(vm.trace.mark()))
    vm.step("the third kernel is told of those, finishes one, and preserves all")
    devices = arrived(third, devices, told)
    for function in lost:
        stopped(vm, third, function.bdf, before_jump, jump[0])
    finish(third, devices, "always")
    told = preserve(third, devices, NAMES)

    fourth = vm.live_update()
    vm.step("the fourth kernel is told of all, and finishes all")
    devices = arrived(fourth, devices, told)
    whole = [fourth.pci(bdf) for bdf in due(devices["always"], devices["unfinished"])]
    check.empty("writes that clear Bus Master", masters_cleared(vm.trace, whole, before))
    for name in NAMES:
        finish(fourth, devices, name)
    check.empty("incoming", fourth.incoming())
