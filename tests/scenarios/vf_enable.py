# SPDX-License-Identifier: GPL-2.0
"""Nobody enables Virtual Functions of a live device, nor preserves one whose are enabled.

Virtual Functions are not handed over, and the next kernel switches them off. The driver
that preserves the device cannot enable them, so another one takes its place for that.
"""

from errno import EBUSY, EINVAL

from vm import Device, Guest, Machine, Pci, Vm, check, device, root_port, sample
from vm.pci import EXT_CAP_SRIOV

MACHINE = Machine(
    devices=[
        root_port("rp0", "4"),
        device("nvme-subsys", "subsys", bus=""),
        Device(
            "nvme",
            "live",
            "rp0",
            options=(
                ("serial", "live"),
                ("subsys", "subsys"),
                ("sriov_max_vfs", "2"),
                ("sriov_vq_flexible", "4"),
                ("sriov_vi_flexible", "2"),
            ),
        ),
    ],
)

TOKEN = 1
VFS = 2
# It enables Virtual Functions of whatever device it is given.
DRIVER = "pci-pf-stub"
# In the capability.
CONTROL = 0x08
VF_ENABLE = 0x0001


def rebind(function: Pci, driver: str) -> None:
    """Changes its driver."""
    if function.driver is not None:
        function.unbind()
    function.bind(driver)
    check.equal(f"driver of {function}", function.driver, driver)


def set_vfs(function: Pci, number: int) -> None:
    """What an operator does to have Virtual Functions."""
    function.set_attribute("sriov_numvfs", str(number))


def virtual_functions(function: Pci) -> list[str]:
    """Those that the kernel knows."""
    return [name for name in function.guest.names(function.path) if name.startswith("virtfn")]


def refused(vm: Vm, function: Pci) -> None:
    """They cannot be enabled, and nothing is written that would."""
    register = function.extended(EXT_CAP_SRIOV) + CONTROL
    mark = vm.trace.mark()
    rebind(function, DRIVER)
    with check.refused(EBUSY):
        set_vfs(function, VFS)
    enabling = [
        str(write)
        for write in vm.trace.writes(function.bdf, register, since=mark)
        if write.value & VF_ENABLE
    ]
    check.empty("writes that enable Virtual Functions", enabling)
    check.true("they are off", not function.read(register, 2) & VF_ENABLE)
    check.empty("Virtual Functions", virtual_functions(function))


def on_and_off(guest: Guest, function: Pci) -> None:
    """They can be enabled, then the device cannot be preserved, and the other way round."""
    rebind(function, DRIVER)
    set_vfs(function, VFS)
    check.equal("Virtual Functions", len(virtual_functions(function)), VFS)
    rebind(function, sample.DRIVER)
    session = guest.create_session("with")
    with check.refused(EINVAL):
        sample.preserve(session, function, TOKEN)
    check.empty("outgoing", guest.outgoing())
    session.close()
    rebind(function, DRIVER)
    set_vfs(function, 0)
    check.empty("Virtual Functions", virtual_functions(function))


def story(vm: Vm) -> None:
    old = vm.boot()
    live = old.pci("live")
    vm.step("outgoing: they stay off")
    rebind(live, sample.DRIVER)
    session = old.create_session()
    sample.preserve(session, live, TOKEN)
    refused(vm, live)
    vm.step("given back: they can be enabled, and then it cannot be preserved")
    session.close()
    check.empty("outgoing", old.outgoing())
    on_and_off(old, live)

    rebind(live, sample.DRIVER)
    session = old.create_session()
    sample.preserve(session, live, TOKEN)
    new = vm.live_update()
    live = new.pci(live.bdf)
    check.contains("incoming", new.incoming(), live.bdf)
    vm.step("incoming: they stay off")
    refused(vm, live)
    rebind(live, sample.DRIVER)
    session = new.retrieve_session()
    session.retrieve(TOKEN).close()
    session.finish()
    vm.step("finished: it is a device like any other")
    check.empty("incoming", new.incoming())
    on_and_off(new, live)
