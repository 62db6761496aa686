# SPDX-License-Identifier: GPL-2.0
"""What of VFIO cannot be preserved is refused with a line, and what is preserved stays awake.

Files of groups and containers, devices that are not bound to an iommufd, in a low power state, or
with a driver that did not say that it can. Once a device is preserved, and until it is finished
in the next kernel, user space cannot put it to sleep. Neither the cdev nor the group opens it
there.
"""

from errno import EBUSY, EINVAL, EOPNOTSUPP

from vm import Guest, Machine, Pci, Vm, check, endpoint, root_port
from vm.session import Fd, Session
from vm.vfio import DRIVER, NO_IOMMU, VARIANT, Vfio

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
    """User space cannot put the device to sleep."""
    control = function.capability(CAP_PM) + PM_CTRL
    with check.refused(EBUSY):
        device.low_power()
    with check.refused(EBUSY):
        set_power(device, function, D3)
    check.equal("power state", function.read(control, 2) & 3, D0)
    set_power(device, function, D0)


def group_of(function: Pci) -> Fd:
    """The group of a device without an IOMMU."""
    number = function.guest.readlink(f"{function.path}/iommu_group").rsplit("/", 1)[1]
    return function.guest.open(f"/dev/vfio/noiommu-{number}")


def refuses(old: Guest, session: Session, function: Pci) -> Vfio:
    """Nothing of a device is preserved unless it is bound and awake."""
    function.bind(DRIVER)
    (name,) = old.names(f"{function.path}/vfio-dev")
    file = old.open(f"/dev/vfio/devices/{name}")
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
    device.close()
    device = Vfio(nvme)
    session.preserve(device.file, DEVICE)
    stays_awake(device, nvme)
    new = vm.live_update()
    nvme = new.pci(nvme.bdf)
    nvme.bind(DRIVER)
    vm.step("nobody opens it")
    (name,) = new.names(f"{nvme.path}/vfio-dev")
    with check.refused(EBUSY):
        new.open(f"/dev/vfio/devices/{name}")
    group = group_of(nvme)
    with check.refused(EBUSY):
        new.request("vfio.group_device", group.number, nvme.bdf)
    group.close()
    vm.step("incoming, it stays awake")
    session = new.retrieve_session()
    device = Vfio.retrieve(nvme, session, DEVICE)
    stays_awake(device, nvme)
    session.finish()
    vm.step("finished, it may sleep")
    set_power(device, nvme, D3)
    set_power(device, nvme, D0)
    device.low_power()
    device.close()
