# SPDX-License-Identifier: GPL-2.0
"""An endpoint behind a root port is preserved, handed over and finished.

Preserve, kexec, incoming, retrieve, finish, no longer incoming. Bus Master of both functions
is not cleared meanwhile, not even temporarily.
"""

from vm import Guest, Machine, Pci, Vm, check, endpoint, handover, root_port, sample
from vm.fabric import masters_cleared
from vm.liveupdate import DEBUGFS, Entry, summary
from vm.pci import BUS_NUMBER_BYTES

MACHINE = Machine(devices=[root_port("rp0", "4"), endpoint("ep0", "rp0")], leaks=2)

TOKEN = 1
PAGE_ENTRIES = 511
CONTENT = b"written in the old kernel"


def shown(entries: dict[str, Entry]) -> dict[str, tuple[str, int]]:
    """The entries in debugfs, without the state."""
    return {bdf: (entry.kind, entry.count) for bdf, entry in entries.items()}


def bus_master_on(path: list[Pci]) -> None:
    """The Bus Master bits of a path."""
    for function in path:
        check.true(f"Bus Master of {function} is on", function.bus_master)


def looked_at(guest: Guest) -> None:
    """The files in debugfs are for root only."""
    for name in ("outgoing", "incoming", "stats"):
        check.equal(f"mode of {name} in debugfs", oct(guest.mode(f"{DEBUGFS}/{name}")), "0o400")
    stats = guest.stats()
    for name in ("retrieve_ns", "looked_up"):
        check.true(f"{name} is counted", stats[name])


def story(vm: Vm) -> None:
    old = vm.boot()
    port, device = path = [old.pci("rp0"), old.pci("ep0")]
    numbers = port.bus_numbers
    check.empty("incoming after a cold boot", old.incoming())

    vm.step(f"{device} is bound to the sample driver, and does DMA from now on")
    sample.bind(old, "ep0")
    device.bus_master = True
    bus_master_on(path)

    vm.step("its file is preserved in a session, with a note for the next kernel")
    session = old.create_session()
    sample.preserve(session, device, TOKEN, CONTENT)
    session.save({"device": device.bdf, "boot_id": old.hello.boot_id})
    outgoing = {port.bdf: ("bridge", 1), device.bdf: ("endpoint", 1)}
    check.equal("outgoing", shown(old.outgoing()), outgoing)

    handed: list[handover.PciArray | None] = []
    luo = old.outgoing_luo()
    before = vm.trace.mark()
    new = vm.live_update(at_jump=lambda: handed.append(handover.pci_array(vm.ram, luo)))

    vm.step("one page was handed over, with an entry for each of the two")
    [array] = handed
    check.true("an array was handed over", array)
    assert array
    check.equal("entries", array.counts, {port.bdf: 1, device.bdf: 1})
    check.equal("entries in use", array.nr_devices, 2)
    check.equal("room", array.max_nr_devices, PAGE_ENTRIES)
    port, device = path = [new.pci(port.bdf), new.pci(device.bdf)]

    vm.step("the new kernel knows both, and has left them alone")
    check.equal("incoming", shown(new.incoming()), outgoing)
    check.equal("bus numbers", port.bus_numbers, numbers)
    bus_master_on(path)
    check.empty("writes that clear Bus Master", masters_cleared(vm.trace, path, before))
    writes = vm.trace.writes(port.bdf, BUS_NUMBER_BYTES, since=before)
    check.empty("writes of bus numbers", list(map(str, writes)))
    looked_at(new)
    check.equal("lines that sum it up", len(new.said(summary(2, found=2))), 1)
    alarms = vm.console.matches("will refuse the handover", vm.console.kernels()[0])
    check.empty("alarms of the old kernel", alarms)
    check.equal("driver before anybody asked for one", device.driver, None)

    vm.step("its file is retrieved, and the session is finished")
    sample.bind(new, device.bdf)
    session = new.retrieve_session()
    check.equal("note", session.load(), {"device": device.bdf, "boot_id": old.hello.boot_id})
    fd = session.retrieve(TOKEN)
    check.equal("content", fd.read(0, sample.MAX_CONTENT), CONTENT)
    check.equal("incoming until it is finished", shown(new.incoming()), outgoing)
    session.finish()
    check.empty("incoming after finish", new.incoming())
    check.empty("outgoing of the new kernel", new.outgoing())
    bus_master_on(path)
    fd.close()
    session.close()
