# SPDX-License-Identifier: GPL-2.0
"""ATS stops a device that leaves, and stays disabled on one that arrives.

A device that uses ATS asks the IOMMU for translations, and nobody answers while the IOMMU is
off. VT-d enables ATS in scalable mode, for identity domains as well.
"""

from vm import Machine, Pci, Vm, check, device, endpoint, root_port, sample
from vm.fabric import masters_cleared

MACHINE = Machine(
    devices=[
        device("intel-iommu", "iommu", bus="", x_scalable_mode="on", device_iotlb="on"),
        root_port("rp0"),
        root_port("rp1"),
        endpoint("live", "rp0", "virtio-rng-pci", ats="on"),
        endpoint("other", "rp1", "virtio-rng-pci", ats="on"),
    ],
)
OFF, IDENTITY = "intel_iommu=off", "intel_iommu=on,sm_on iommu=pt"
# What the old kernel does; the new one has the IOMMU on.
CASES = {"arrives": OFF, "leaves": IDENTITY}

EXT_CAP_ATS = 0x0F
ATS_CTRL = 0x06
ATS_CTRL_ENABLE = 0x8000


def ats(function: Pci) -> bool:
    """Whether ATS is enabled."""
    control = function.read(function.extended(EXT_CAP_ATS) + ATS_CTRL, 2)
    return bool(control & ATS_CTRL_ENABLE)


def story(vm: Vm, mode: str) -> None:
    old = vm.boot(mode)
    live = old.pci("live")
    live.unbind()
    sample.bind(old, "live")
    check.equal("ATS in the old kernel", ats(live), mode == IDENTITY)
    sample.preserve(old.create_session(), live, 1)
    mark = vm.trace.mark()
    new = vm.live_update(IDENTITY)

    live, other = new.pci(live.bdf), new.pci("other")
    check.true("it is incoming", live.bdf in new.incoming())
    check.true("the other device uses ATS", ats(other))
    cleared = masters_cleared(vm.trace, [live], mark)
    if mode == OFF:
        vm.step("the device that arrives is left running, without ATS")
        check.empty("writes that clear Bus Master", cleared)
        check.true("Bus Master is set", live.bus_master)
        check.true("ATS is disabled", not ats(live))
    else:
        vm.step("the device that left with ATS has been stopped")
        check.true("Bus Master was cleared", cleared)
        check.true("Bus Master is clear", not live.bus_master)
