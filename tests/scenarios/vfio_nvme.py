# SPDX-License-Identifier: GPL-2.0
"""User space drives an NVMe drive through vfio-pci, with hundreds of commands under way."""

from vm import Drive, Machine, Vm, check, endpoint, root_port, switch
from vm.nvme import MOST, Nvme, Told, versions
from vm.vfio import NO_IOMMU

DRIVE = Drive("disk", size=16, rate=100)
MACHINE = Machine(
    devices=[
        root_port("rp", "4"),
        switch("sw", "rp", 1),
        endpoint("nvme", "sw.0", "nvme", drive=DRIVE.id, serial="1"),
    ],
    drives=[DRIVE],
    arguments=NO_IOMMU,
)
BLOCKS = range(0, 200)
FRESH = range(200, 400)


def story(vm: Vm) -> None:
    old = vm.boot()
    nvme = Nvme.start(old.pci("nvme"))
    told = Told()
    nvme.write(BLOCKS, 1)
    vm.wait_for("the blocks to be written", lambda: not nvme.reap(told))
    nvme.read(BLOCKS, 1)
    nvme.write(FRESH, 2)
    check.true("hundreds are under way", nvme.reap(told) > 300)
    vm.wait_for("the rest", lambda: not nvme.reap(told))
    check.empty("what is wrong with the commands", told.problems(600))
    image = vm.directory / DRIVE.image
    check.equal("versions in the image", versions(image, BLOCKS), {1})
    check.equal("versions in the image", versions(image, FRESH), {2})
    nvme.stop()
    nvme.device.close()
