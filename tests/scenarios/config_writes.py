# SPDX-License-Identifier: GPL-2.0
"""Both kernels write only listed registers of a live path, and these writes are harmless.

Nothing on the list clears Bus Master, or changes bus numbers, ACS or ARI. Writes to the rest
disconnect no device, and BARs and windows have the same values afterwards. The reasons for
these writes are in Documentation/PCI/liveupdate-writers.rst.
"""

from collections.abc import Callable
from typing import TypeVar

from vm import Machine, Pci, Vm, check, endpoint, fabric, root_port, sample, switch
from vm.errors import Failure
from vm.pci import (
    BUS_NUMBER_BYTES,
    CAP_EXP,
    CAP_MSI,
    CAP_MSIX,
    CAP_PM,
    CAPABILITIES,
    EXP_LNKCTL,
    EXP_SLTCTL,
    EXP_SLTCTL_POWER_OFF,
    EXT_CAP_AER,
)

MACHINE = Machine(devices=[root_port("rp0", "4"), switch("sw", "rp0"), endpoint("ep0", "sw.1")])

LIVE = ["rp0", "sw", "sw.1", "ep0"]

T = TypeVar("T")

# Offsets in the header, by header type.
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
        0x08: "Device Control",
        0x0A: "Device Status",
        EXP_LNKCTL: "Link Control",
        0x12: "Link Status",
        EXP_SLTCTL: "Slot Control",
        0x1A: "Slot Status",
        0x1C: "Root Control",
        0x20: "Root Status",
    },
    CAP_MSI: {0x02: "MSI", 0x04: "MSI", 0x08: "MSI", 0x0C: "MSI"},
    CAP_MSIX: {0x02: "MSI-X"},
}
# Offsets in extended capabilities.
EXTENDED_CAPABILITY = {
    EXT_CAP_AER: {
        0x04: "Uncorrectable Error Status",
        0x10: "Correctable Error Status",
        0x14: "Correctable Error Mask",
        0x2C: "Root Error Command",
        0x30: "Root Error Status",
    },
}

# Bits that no write may set: they reset or disconnect what is below, or put it to sleep.
BRIDGE_CONTROL = 0x3E
FORBIDDEN_IN_BRIDGE = {BRIDGE_CONTROL: 0x40}
FORBIDDEN = {
    # Function Level Reset, Link Disable, and power off.
    CAP_EXP: {0x08: 0x8000, EXP_LNKCTL: 0x10, EXP_SLTCTL: EXP_SLTCTL_POWER_OFF},
    # Anything but D0.
    CAP_PM: {0x04: 0x03},
}

BARS = range(0x10, 0x28, 4)
BRIDGE_BARS = range(0x10, 0x18, 4)
ALL_ONES = 0xFFFFFFFF
# Registers that contain addresses: offset and width.
ADDRESSES = [*((offset, 4) for offset in BARS), (0x30, 4)]
WINDOWS = [
    *((offset, 4) for offset in BRIDGE_BARS),
    (0x1C, 2),
    *((offset, 4) for offset in range(0x20, 0x34, 4)),
    (0x38, 4),
]


def entries(table: dict[int, dict[int, T]], find: Callable[[int], int]) -> dict[int, T]:
    """The entries of a table for the capabilities that exist, by offset."""
    found: dict[int, T] = {}
    for capability, registers in table.items():
        try:
            at = find(capability)
        except Failure:
            continue
        found |= {at + offset: entry for offset, entry in registers.items()}
    return found


def in_capabilities(function: Pci, table: dict[int, dict[int, T]]) -> dict[int, T]:
    """Those in the capability list."""
    if not function.read(CAPABILITIES, 1):
        return {}
    return entries(table, function.capability)


def golden(function: Pci) -> dict[int, str]:
    """The registers of a function that may be written: offset to name."""
    header = BRIDGE if function.is_bridge else ENDPOINT
    listed = in_capabilities(function, CAPABILITY)
    # Only PCI Express has more than 256 bytes.
    extended = entries(EXTENDED_CAPABILITY, function.extended) if listed else {}
    return header | listed | extended


def forbidden(function: Pci) -> dict[int, int]:
    """The bits that no write may set: offset to mask."""
    header = FORBIDDEN_IN_BRIDGE if function.is_bridge else {}
    return header | in_capabilities(function, FORBIDDEN)


def addresses(function: Pci) -> dict[int, int]:
    """The values of BARs and windows."""
    registers = WINDOWS if function.is_bridge else ADDRESSES
    return {offset: function.read(offset, width) for offset, width in registers}


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
    masks = {function.bdf: forbidden(function) for function in live}
    decoded = {function.bdf: addresses(function) for function in live}
    check.true("the windows are open", decoded[path.bdfs[0]][0x20] & 0xFFF0)

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
        harmful = [str(item) for item in writes if item.value & masks[bdf].get(item.offset, 0)]
        check.empty(f"writes to {bdf} that set forbidden bits", harmful)
        bars = BRIDGE_BARS if new.pci(bdf).is_bridge else BARS
        moved = [
            str(item)
            for item in writes
            if item.offset in bars and item.value not in (ALL_ONES, decoded[bdf][item.offset])
        ]
        check.empty(f"writes to BARs of {bdf} that move them", moved)
        if new.pci(bdf).is_bridge:
            numbers = vm.trace.writes(bdf, BUS_NUMBER_BYTES, since=mark)
            check.empty(f"writes of bus numbers to {bdf}", list(map(str, numbers)))

    vm.step("BARs and windows are what they were")
    check.equal("addresses", {bdf: addresses(new.pci(bdf)) for bdf in path.bdfs}, decoded)
