# SPDX-License-Identifier: GPL-2.0
"""User space drives a network card through vfio-pci, and receives with it."""

from demo.card import WITHOUT_DRIVER
from demo.run import MACHINE as DEMO
from demo.run import PATH
from demo.traffic import Traffic, sustainable
from demo.vfio_card import VfioCard, VfioRing
from vm import Machine, Vm, check
from vm.vfio import NO_IOMMU

MACHINE = Machine(
    devices=DEMO.devices,
    cables=DEMO.cables,
    arguments=f"{NO_IOMMU} {WITHOUT_DRIVER}",
)
ENOUGH = 2000


def story(vm: Vm) -> None:
    old = vm.boot()
    path = [old.pci(name) for name in PATH]
    card = VfioCard.start(path[-1])
    rate = sustainable(old.hello.uptime)
    with Traffic(vm, "cable", path[-1], rate, VfioRing(vm.ram)) as traffic:
        traffic.flow(ENOUGH)
        traffic.note(card.take(traffic.stream))
        traffic.flow(ENOUGH)
        traffic.stop()
        traffic.note(card.take(traffic.stream))
        check.empty("what is wrong with the frames", traffic.problems())
        check.equal("the ring is full", card.statistics().full, 0)
        check.empty("frames outside of the ring", traffic.ring.strays(traffic.stream))
    card.stop()
    card.device.close()
