# SPDX-License-Identifier: GPL-2.0
"""A driver does not take a card whose DMA addresses an IOMMU translates.

IOMMU page tables are not handed over, so translated addresses would become invalid in the
new kernel. With an identity domain they stay valid.
"""

from demo.card import DRIVER, Card
from demo.run import MACHINE as CARD
from demo.run import PATH
from demo.traffic import Traffic, sustainable
from vm import Machine, Vm, check, device

MACHINE = Machine(
    devices=[device("intel-iommu", "iommu", bus=""), *CARD.devices], cables=CARD.cables
)
CASES = {"translated": "iommu=nopt", "identity": "iommu=pt"}

TOKEN = 1
ENOUGH = 200


def story(vm: Vm, mode: str) -> None:
    old = vm.boot(mode)
    card = old.pci("card")
    if mode == "iommu=nopt":
        vm.step("the driver does not take the card, and says why")
        check.equal("driver of the card", card.driver, None)
        said = [line for line in old.log() if DRIVER in line and card.bdf in line]
        check.true("it names the IOMMU", any("depend on an IOMMU" in line for line in said))
        return

    file = Card.open(old, card)
    with Traffic(vm, "cable", old.pci(PATH[-1]), sustainable(old.hello.uptime)) as traffic:
        traffic.flow(ENOUGH)
        old.create_session().preserve(file.fd, TOKEN)
        new = vm.live_update(mode)
        session = new.retrieve_session()
        file = Card.retrieve(session, TOKEN)
        traffic.stop()
        traffic.note(file.take(traffic.stream))
        check.empty("what is wrong with the frames", traffic.problems())
        session.finish()
