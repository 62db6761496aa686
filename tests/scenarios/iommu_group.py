# SPDX-License-Identifier: GPL-2.0
"""A device is preserved only if its IOMMU group has no members but itself and bridges above it."""

from errno import EINVAL

from vm import Guest, Machine, Vm, check, endpoint, root_port, sample, switch

MACHINE = Machine(
    devices=[
        root_port("rp0", "3"),
        root_port("rp1", "4"),
        root_port("rp2", "5"),
        endpoint("alone", "rp0"),
        # Without ACS, a port of a switch shares a group with the devices below it.
        switch("sw", "rp1", ports=1),
        endpoint("below", "sw.0"),
        # Functions of a device without ACS share a group.
        endpoint("left", "rp2", addr="0.0", multifunction="on"),
        endpoint("right", "rp2", addr="0.1"),
    ],
    qemu=["-device", "intel-iommu"],
)

ERROR = 3


def group(guest: Guest, name: str) -> set[str]:
    """The functions that share a group with this one."""
    return set(guest.names(f"{guest.pci(name).path}/iommu_group/devices"))


def story(vm: Vm) -> None:
    old = vm.boot()
    names = ("alone", "below", "left")
    alone, below, left = sample.bind(old, *names)
    check.equal("group of a device alone", group(old, "alone"), {alone.bdf})
    check.equal("group below a switch", group(old, "below"), {below.bdf, old.pci("sw.0").bdf})
    check.equal("group of two functions", group(old, "left"), {left.bdf, old.pci("right").bdf})

    session = old.create_session()
    sample.preserve(session, alone, 1)
    sample.preserve(session, below, 2)
    with check.refused(EINVAL):
        sample.preserve(session, left, 3)
    refusal = f"{left.bdf}: cannot be preserved: its IOMMU group has other devices"
    check.equal("lines that say why", len(old.said(refusal, ERROR)), 1)
    check.true("it is not outgoing", left.bdf not in old.outgoing())

    vm.step("with its neighbour gone, it may go")
    old.pci("right").remove()
    sample.preserve(session, left, 3)
    check.contains("outgoing", old.outgoing(), left.bdf)
