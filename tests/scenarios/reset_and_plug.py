# SPDX-License-Identifier: GPL-2.0
"""The slot of a hotplug port is reset, while a device is plugged in, and the driver unbound.

Nothing is preserved. Lockdep judges the order in which the two take the locks of the slot, and
KASAN whether the driver is gone, so this is of use on the debug kernel only.
"""

from errno import EAGAIN, ENOTTY

from vm import Machine, Pci, Vm, check, endpoint, root_port

MACHINE = Machine(devices=[root_port("rp0", "3"), endpoint("pulled", "rp0")])

DRIVER = "/sys/bus/pci_express/drivers/pciehp"
FOREVER = 10**9
ROUNDS = 4
# Without the driver, the bus is reset, unless its lock is taken.
MEANWHILE = {0, EAGAIN, ENOTTY}


def unbound_meanwhile(vm: Vm, port: Pci) -> None:
    """Unbinds the driver of the slot during resets, and binds it again."""
    guest = port.guest
    [service] = [name for name in guest.names(DRIVER) if name.startswith(port.bdf)]
    write = ("file.write", f"{port.path}/reset_subordinate", "1")
    resets = guest.stress("resets", FOREVER, write)
    for _ in range(ROUNDS):
        guest.write(f"{DRIVER}/unbind", service)
        guest.write(f"{DRIVER}/bind", service)
    [count] = resets.stop(vm.limits.request)
    check.empty("errors of resets", set(count.by_errno) - MEANWHILE)
    check.true("the slot was reset", count.ok)


def story(vm: Vm) -> None:
    guest = vm.boot()
    place, port = guest.pci("pulled"), guest.pci("rp0")
    vendor = place.attribute("vendor")
    port.set_attribute("reset_subordinate", "1")
    vm.unplug("pulled")
    vm.wait_for(f"{place} to be gone", lambda: not place.present)
    vm.plug(endpoint("other", "rp0"))
    vm.wait_for(f"{place} to be back", lambda: place.present)
    port.set_attribute("reset_subordinate", "1")
    check.equal("its vendor after a reset", place.attribute("vendor"), vendor)

    vm.step("the driver of the slot is unbound in the middle of a reset")
    unbound_meanwhile(vm, port)
    check.equal("its vendor after that", place.attribute("vendor"), vendor)
