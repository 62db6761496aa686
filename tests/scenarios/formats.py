# SPDX-License-Identifier: GPL-2.0
"""Devices are handed over in both formats, and a kernel that knows only one of them takes over.

`pci_liveupdate.formats=` makes a kernel one that knows neither how to write nor how to read the
other format. The host reads both lists in memory while the machine stands still.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vm import Guest, Machine, Pci, Vm, check, endpoint, handover, root_port, sample, switch
from vm.liveupdate import counts, due, summary

MACHINE = Machine(
    devices=[
        root_port("rp", "4"),
        switch("sw", "rp", 2),
        endpoint("one", "sw.0"),
        endpoint("two", "sw.1"),
    ],
)

NAMES = ("one", "two")
ARRAY, LIST = handover.PCI, handover.PCI_LIST
BOTH = (ARRAY, LIST)
WRITES = {ARRAY: ["pci-v3"], LIST: ["pci:2"]}
READS = {ARRAY: ["pci-v3"], LIST: ["pci:1", "pci:2"]}
WARNING = 4


@dataclass(frozen=True)
class Case:
    """The formats that each kernel knows, from the first one on."""

    hops: Sequence[Sequence[str]]
    version_1: bool = False
    """The host makes a list of version 1 of what the first kernel hands over."""


CASES = {
    "both": Case((BOTH, BOTH)),
    "array": Case((BOTH, (ARRAY,))),
    "list": Case((BOTH, (LIST,))),
    "hops": Case(((ARRAY,), BOTH, (LIST,), BOTH, (ARRAY,))),
    "version-1": Case(((LIST,), BOTH), version_1=True),
}


def argument(known: Sequence[str]) -> str:
    """For the command line of a kernel that knows these."""
    return "" if known == BOTH else f"pci_liveupdate.formats={','.join(known)}"


def preserve(guest: Guest) -> list[Pci]:
    """Preserves both devices in one session, and gives one back in between."""
    devices = sample.bind(guest, *NAMES)
    passing = guest.create_session("passing")
    sample.preserve(passing, devices[0], 0)
    session = guest.create_session()
    sample.preserve(session, devices[1], 1)
    passing.close()
    sample.preserve(session, devices[0], 0)
    check.equal("outgoing", counts(guest.outgoing()), due(*devices))
    return devices


def finish(guest: Guest, devices: Sequence[Pci]) -> None:
    """Retrieves and finishes both devices."""
    sample.bind(guest, *(device.bdf for device in devices))
    session = guest.retrieve_session()
    for token in range(len(NAMES)):
        session.retrieve(token).close()
    session.finish()
    session.close()
    check.empty("incoming", guest.incoming())


def without_bridges(vm: Vm, luo: bytes, bridges: Sequence[str]) -> None:
    """Makes the list that of a kernel which does not count bridges, and knows no record."""
    there = handover.pci_list(vm.ram, luo)
    assert there
    for index, bdf in enumerate(there.counts):
        if bdf in bridges:
            vm.ram.write(there.entry(index) + 6, bytes(2))
    [record] = [flb for flb in handover.flbs(vm.ram, luo) if flb.name == handover.IDENTITY]
    vm.ram.write(record.address, b"unknown".ljust(len(handover.IDENTITY), b"\0"))
    left = len(there.counts) - len(bridges)
    vm.ram.write(there.address, (1).to_bytes(4, "little") + left.to_bytes(4, "little"))


def jump(vm: Vm, devices: Sequence[Pci], known: Sequence[str], case: Case, then: str) -> Guest:
    """To the next kernel. The host looks at what is handed over on the way."""
    luo, expected = vm.guest.outgoing_luo(), due(*devices)
    bridges = [bdf for bdf in expected if bdf not in {device.bdf for device in devices}]
    seen: list[str] = []

    def look() -> None:
        seen.extend(flb.name for flb in handover.flbs(vm.ram, luo) if flb.name in BOTH)
        array, there = handover.pci_array(vm.ram, luo), handover.pci_list(vm.ram, luo)
        if array:
            check.equal("array", (array.counts, array.nr_devices), (expected, len(expected)))
        if there:
            check.equal("list", (there.counts, there.nr_devices), (expected, len(expected)))
            check.equal("version and blocks", (there.version, len(there.blocks)), (2, 1))
        if case.version_1:
            without_bridges(vm, luo, bridges)

    new = vm.live_update(then, at_jump=look)
    check.equal("formats that are handed over", seen, [name for name in BOTH if name in known])
    return new


def story(vm: Vm, case: Case) -> None:
    first, *others = case.hops
    guest, known = vm.boot(argument(first)), first
    for following in others:
        vm.step(f"a kernel that knows {' and '.join(known)} preserves two devices")
        for kind, names in (("writes", WRITES), ("reads", READS)):
            expected = [name for one in known for name in names[one]]
            check.equal(kind, guest.formats()[kind], [*expected, handover.IDENTITY])
        devices = preserve(guest)
        told = due(*devices)

        guest = jump(vm, devices, known, case, argument(following))
        vm.step(f"a kernel that knows {' and '.join(following)} takes them over")
        check.equal("incoming", counts(guest.incoming()), told)
        path = [guest.pci(bdf) for bdf in told]
        check.empty("without Bus Master", [item for item in path if not item.bus_master])
        # What version 1 does not count is counted as the bridges are found.
        check.equal("summaries", len(guest.said(summary(len(told), len(told)))), 1)
        check.empty("warnings of the core", guest.said("pci_liveupdate:", WARNING))
        finish(guest, devices)
        known = following
