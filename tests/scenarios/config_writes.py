# SPDX-License-Identifier: GPL-2.0
"""What both kernels write to the configuration space of a live path is on a list, and harmless.

Nothing on the list clears Bus Master, or changes bus numbers, ACS or ARI. Why the rest
is written stands in Documentation/PCI/liveupdate-writers.rst.
"""

from vm import Machine, Pci, Vm, check, endpoint, fabric, root_port, sample, switch
from vm.errors import Failure
from vm.pci import CAP_EXP, CAPABILITIES

MACHINE = Machine(devices=[root_port("rp0", "4"), switch("sw", "rp0"), endpoint("ep0", "sw.1")])

LIVE = ["rp0", "sw", "sw.1", "ep0"]

CAP_MSI = 0x05
CAP_MSIX = 0x11

# Offsets in the header, by kind.
ENDPOINT = {
    0x04: "Command",
    **{0x10 + 4 * n: "Base Address" for n in range(6)},
    0x30: "Expansion ROM",
}
BRIDGE = {
    0x04: "Command",
    **{0x10 + 4 * n: "Base Address" for n in range(2)},
    0x1C: "I/O window",
    0x1E: "Secondary Status",
    0x20: "memory window",
    0x24: "prefetchable window",
    0x28: "prefetchable window",
    0x2C: "prefetchable window",
    0x30: "I/O window",
    0x38: "Expansion ROM",
    0x3E: "Bridge Control",
}
# Offsets in capabilities.
CAPABILITY = {
    CAP_EXP: {
        0x10: "Link Control",
        0x12: "Link Status",
        0x18: "Slot Control",
        0x1A: "Slot Status",
        0x1C: "Root Control",
        0x20: "Root Status",
    },
    CAP_MSI: {0x02: "MSI", 0x04: "MSI", 0x08: "MSI", 0x0C: "MSI"},
    CAP_MSIX: {0x02: "MSI-X"},
}


def golden(function: Pci) -> dict[int, str]:
    """What may be written to a function: offset to name."""
    allowed = dict(BRIDGE if fabric.is_bridge(function) else ENDPOINT)
    if not function.read(CAPABILITIES, 1):
        return allowed
    for capability, registers in CAPABILITY.items():
        try:
            at = function.capability(capability)
        except Failure:
            continue
        allowed |= {at + offset: name for offset, name in registers.items()}
    return allowed


def story(vm: Vm) -> None:
    old = vm.boot()
    live = [old.pci(name) for name in LIVE]
    sample.bind(old, "ep0")
    for function in live:
        function.bus_master = True
    session = old.create_session()
    sample.preserve(session, live[-1], 1)
    path = fabric.Path(*live)
    allowed = {function.bdf: golden(function) for function in live}

    mark = vm.trace.mark()
    new = vm.live_update()
    path.undisturbed(vm.trace, mark)
    path.reads_the_same(new.pci(bdf) for bdf in path.bdfs)

    vm.step("every write on the way is on the list")
    for bdf in path.bdfs:
        writes = list(vm.trace.writes(bdf, since=mark))
        check.true(f"writes to {bdf} are seen", writes)
        unknown = [str(write) for write in writes if write.offset not in allowed[bdf]]
        check.empty(f"writes to {bdf} that are not on the list", unknown)
        windows = {write.offset for write in writes if write.offset in range(0x18, 0x1B)}
        if fabric.is_bridge(new.pci(bdf)):
            check.empty(f"writes of bus numbers to {bdf}", windows)
