# SPDX-License-Identifier: GPL-2.0
"""The host, which plugs and unplugs a device meanwhile."""

from collections.abc import Callable

from vm import Failure, Vm, endpoint

from .machine import PLUGGED, SLOT
from .script import Tally

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
        self._count("unplug", f"{name} to be gone", lambda: not self._present())

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

    def _count(self, step: str, what: str, condition: Callable[[], bool]) -> None:
        self._vm.wait_for(what, condition, _PATIENCE)
        self._tally.add("hotplug", step, {0: 1})
