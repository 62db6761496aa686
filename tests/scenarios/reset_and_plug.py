# SPDX-License-Identifier: GPL-2.0
"""The slot of a hotplug port is reset, and a device is plugged into it.

Nothing is preserved. Lockdep judges the order in which the two take the locks of the slot, so
this is of use on the debug kernel only.
"""

from vm import Machine, Vm, check, endpoint, root_port

MACHINE = Machine(devices=[root_port("rp0", "3"), endpoint("pulled", "rp0")])


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
