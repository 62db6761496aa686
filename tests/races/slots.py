# SPDX-License-Identifier: GPL-2.0
"""The host, which plugs and unplugs a device meanwhile."""

from collections.abc import Callable

from vm import Failure, GuestError, Vm, endpoint

from .machine import PLUGGED, SLOT
from .script import Tally

# What is read as Vendor ID where nothing answers.
NO_DEVICE = 0xFFFF

# For each of them, which takes a few seconds at the most.
_PATIENCE = 60


class Slot:
    """The slot, and what is in it."""

    def __init__(self, vm: Vm, tally: Tally) -> None:
        self._vm = vm
        self._tally = tally
        self._number = 0

    def swap(self, dwell: Callable[[], None]) -> None:
        """Plugs a new device in, lets it be there for a while, and has the button pressed."""
        self._number += 1
        name = f"{PLUGGED}{self._number}"
        self._vm.plug(endpoint(name, SLOT))
        self._count("plug", f"{name} to be there", self._present)
        dwell()
        self._vm.step(f"{name} is unplugged")
        # The slot takes no button while it is still being powered on.
        self._vm.wait_for(f"the button of {name}", lambda: self._pressed(name), _PATIENCE)
        self._vm.wait_unplugged(name)
        self._count("unplug", f"{name} to be gone", self._gone)

    def _pressed(self, name: str) -> bool:
        try:
            self._vm.qmp.command("device_del", {"id": name})
        except Failure as err:
            if "blinking" not in str(err):
                raise
            return False
        return True

    def _present(self) -> bool:
        return bool(self._vm.guest.pci(SLOT).below)

    def _gone(self) -> bool:
        """Whether the guest has no device there.

        A scan may find it once more when pciehp has removed it, and before the slot is off. Nobody
        takes note that it is gone then.
        """
        left = self._vm.guest.pci(SLOT).below
        for ghost in left:
            try:
                if ghost.read(0, 2) == NO_DEVICE:
                    ghost.set_attribute("remove", "1")
                    self._tally.add("hotplug", "ghost", {0: 1})
            except GuestError:
                # Somebody else was faster.
                continue
        return not left

    def _count(self, step: str, what: str, condition: Callable[[], bool]) -> None:
        self._vm.wait_for(what, condition, _PATIENCE)
        self._tally.add("hotplug", step, {0: 1})
