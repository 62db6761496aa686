# SPDX-License-Identifier: GPL-2.0
"""What of VFIO cannot be preserved is refused with a line, and what is preserved stays awake.

Files of groups and containers, devices that are not bound to an iommufd, in a low power state,
with an exported dma-buf, or with a driver that did not say that it can. Once a device is
preserved, and until it is finished in the next kernel, user space can neither put it to sleep nor
export its memory. Neither the cdev nor the group opens it there.
"""

from errno import EBUSY, EINVAL, EOPNOTSUPP

from vm import Guest, Machine, Pci, Vm, check, endpoint, root_port
from vm.pages import PAGE
from vm.session import Fd, Session
from vm.vfio import DRIVER, NO_IOMMU, VARIANT, Vfio, group_of, nobody_opens, node

MACHINE = Machine(
    devices=[
        root_port("rp0", "4"),
        root_port("rp1", "5"),
        endpoint("nvme", "rp0", "nvme", serial="1"),
        endpoint("variant", "rp1"),
    ],
    arguments=NO_IOMMU,
)

DEVICE = 1
CAP_PM, PM_CTRL = 0x01, 4
D0, D3 = 0, 3


def refused(session: Session, file: Fd, error: int, why: str) -> None:
    """The file is refused, and one line says why."""
    guest = file.guest
    before = len(guest.said("not preserved:"))
    with check.refused(error):
        session.preserve(file, DEVICE)
    said = guest.said("not preserved:")[before:]
    check.equal("lines", len(said), 1)
    check.contains("the line", said[0], why)


def set_power(device: Vfio, function: Pci, state: int) -> None:
    """Puts a device into a power state, through its configuration space."""
    device.write(function.capability(CAP_PM) + PM_CTRL, 2, state)


def stays_awake(device: Vfio, function: Pci) -> None:
    """User space cannot put the device to sleep, nor give its memory to others."""
    with check.refused(EBUSY):
        device.export(0, PAGE)
    control = function.capability(CAP_PM) + PM_CTRL
    with check.refused(EBUSY):
        device.low_power()
    with check.refused(EBUSY):
        set_power(device, function, D3)
    check.equal("power state", function.read(control, 2) & 3, D0)
    set_power(device, function, D0)


def refuses(old: Guest, session: Session, function: Pci) -> Vfio:
    """Nothing of a device is preserved unless it is bound and awake."""
    function.bind(DRIVER)
    file = old.open(node(function))
    refused(session, file, EINVAL, "not a file of its node that is bound to an iommufd")
    container = old.open("/dev/vfio/vfio")
    refused(session, container, EINVAL, "files of groups and containers")
    group = group_of(function)
    refused(session, group, EINVAL, "files of groups and containers")
    for fd in (container, group):
        fd.close()
    device = Vfio(function, file)
    set_power(device, function, D3)
    refused(session, file, EINVAL, "low power state")
    set_power(device, function, D0)
    device.low_power()
    refused(session, file, EINVAL, "low power state")
    device.close()

    device = Vfio(function)
    export = device.export(0, PAGE)
    refused(session, device.file, EINVAL, "a dma-buf of it is exported")
    export.close()
    return device


def story(vm: Vm) -> None:
    old = vm.boot()
    nvme, variant = old.pci("nvme"), old.pci("variant")
    session = old.create_session()
    vm.step("what cannot be preserved")
    variant.bind(VARIANT)
    refused(session, Vfio(variant).file, EOPNOTSUPP, "does not support it")
    device = refuses(old, session, nvme)
    check.empty("outgoing", old.outgoing())

    vm.step("preserved, it stays awake")
    session.preserve(device.file, DEVICE)
    stays_awake(device, nvme)
    new = vm.live_update()
    nvme = new.pci(nvme.bdf)
    nvme.bind(DRIVER)
    vm.step("nobody opens it")
    nobody_opens(nvme)
    vm.step("incoming, it stays awake")
    session = new.retrieve_session()
    device = Vfio.retrieve(nvme, session, DEVICE)
    stays_awake(device, nvme)
    session.finish()
    vm.step("finished, it may sleep, and export its memory")
    device.export(0, PAGE).close()
    set_power(device, nvme, D3)
    set_power(device, nvme, D0)
    device.low_power()
    device.close()
