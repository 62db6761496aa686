# SPDX-License-Identifier: GPL-2.0
"""Devices in two PCI segments are handed over, identified by segment and BDF.

The machine has one segment. An ACPI table tells the kernels that its second host bridge is in
another one.
"""

from vm import (
    Device,
    Guest,
    Machine,
    Pci,
    Vm,
    check,
    device,
    endpoint,
    handover,
    root_port,
    sample,
)
from vm.fabric import masters_cleared
from vm.liveupdate import counts, due

BUS = 0x80
TABLE = "segment.aml"

MACHINE = Machine(
    devices=[
        root_port("rp0", "4"),
        endpoint("near", "rp0"),
        Device("pxb-pcie", "second", options=(("bus_nr", str(BUS)),)),
        device("pcie-root-port", "rp1", "second"),
        endpoint("far", "rp1"),
    ],
    # Without `lastbus` the buses of the second segment are found in the first one, too. With
    # interrupts from ACPI, debug kernels take minutes for the routing table of its bridge.
    arguments=f"pci=lastbus={BUS - 1} acpi=noirq",
    qemu=["-acpitable", f"sig=SSDT,data={TABLE}"],
)

NEAR, FAR = 1, 2

# Bytes of AML.
_ROOT, _TWO_NAMES = b"\\", b"\x2e"
_SCOPE, _NAME, _ONE, _DWORD = b"\x10", b"\x08", b"\x01", b"\x0c"
# The address of the config space of all buses.
_ECAM = 0xB0000000


def segment_table() -> bytes:
    """Scope (\\_SB.PC80) { Name (_SEG, One) Name (_CBA, 0xB0000000) }"""
    bridge = _ROOT + _TWO_NAMES + b"_SB_" + f"PC{BUS:02X}".encode()
    segment = _NAME + b"_SEG" + _ONE
    config_base = _NAME + b"_CBA" + _DWORD + _ECAM.to_bytes(4, "little")
    scope = bridge + segment + config_base
    # The length includes its own encoding.
    return _SCOPE + bytes([len(scope) + 1]) + scope


def in_second(guest: Guest, name: str) -> Pci:
    """A function of the second segment, which is unknown to QEMU."""
    return guest.pci(guest.pci(name).bdf.replace("0000:", "0001:", 1))


def story(vm: Vm) -> None:
    (vm.directory / TABLE).write_bytes(segment_table())
    old = vm.boot()
    near, far = old.pci("near"), in_second(old, "far")
    check.true(f"{far} is there", far.present)
    ghost = old.pci("far")
    check.true(f"{ghost} is not there", not ghost.present)
    check.equal("path of it", [item.bdf for item in far.line], [in_second(old, "rp1").bdf, far.bdf])

    vm.step("a device of each segment is preserved, in a session of its own")
    sample.bind(old, near.bdf, far.bdf)
    for token, name, function in ((NEAR, "near", near), (FAR, "far", far)):
        sample.preserve(old.create_session(name), function, token)
    told = due(near, far)
    check.equal("outgoing", counts(old.outgoing()), told)
    handed: list[handover.PciArray | None] = []
    luo = old.outgoing_luo()
    before = vm.trace.mark()
    new = vm.live_update(at_jump=lambda: handed.append(handover.pci_array(vm.ram, luo)))

    vm.step("the new kernel finds both where they were, and finishes one after the other")
    [array] = handed
    check.equal("handed over", array and array.counts, told)
    check.equal("incoming", counts(new.incoming()), told)
    path = [new.pci(bdf) for bdf in told]
    check.empty("functions without Bus Master", [item for item in path if not item.bus_master])
    check.empty("writes that clear Bus Master", masters_cleared(vm.trace, path, before))
    near, far = sample.bind(new, near.bdf, far.bdf)
    for token, name, rest in ((FAR, "far", due(near)), (NEAR, "near", {})):
        session = new.retrieve_session(name)
        session.retrieve(token).close()
        session.finish()
        check.equal("incoming", counts(new.incoming()), rest)
