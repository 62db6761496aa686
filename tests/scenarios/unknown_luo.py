# SPDX-License-Identifier: GPL-2.0
"""Live Update is off, and what LUO left is of another version: no function reaches memory.

Nobody can tell whether devices were handed over, so this kernel does not stop for it, also
where it is told to stop for devices that it does not know. Only who says "ignore" is obeyed.
"""

from vm import Machine, Vm, check, contain, endpoint, root_port, sample
from vm.trace import Mark

MACHINE = Machine(devices=[root_port("rp0", "4"), endpoint("ep0", "rp0")])

CASES = {"panic": "panic", "contain": "contain", "ignore": "ignore"}

TOKEN = 1
ERROR = 3
EMERGENCY = 0
# At the start of a page.
KNOWN, UNKNOWN = b"luo-v5\0\0", b"luo-v9\0\0"


def story(vm: Vm, policy: str) -> None:
    old = vm.boot()
    (device,) = sample.bind(old, "ep0")
    sample.preserve(old.create_session(), device, TOKEN)
    check.equal("version of LUO's records", old.outgoing_luo()[: len(KNOWN)], KNOWN)
    marks: list[Mark] = []

    def damage() -> None:
        [found] = vm.ram.find(KNOWN)
        vm.ram.write(found, UNKNOWN)
        marks.append(vm.trace.mark())

    new = vm.jump(f"liveupdate=off pci_liveupdate={policy}", at_jump=damage)
    check.equal("live updates", new.hello.live_updates, None)
    check.empty("incoming", new.incoming())
    if policy == "ignore":
        check.equal("loud lines", len(new.said("pci_liveupdate", EMERGENCY)), 1)
        check.true("Bus Master of the device is on", new.pci(device.bdf).bus_master)
    else:
        check.equal("lines about it", len(new.said("pci_liveupdate", ERROR)), 1)
        contain.contained(vm, new, marks[0])
    check.true("it is bound like any other", sample.bind(new, device.bdf)[0].driver)
