# SPDX-License-Identifier: GPL-2.0
"""Small scenarios for a kernel without PCI Live Update."""

import tempfile
from pathlib import Path

from . import check
from .errors import Failure
from .machine import Machine
from .scenario import Scenario
from .vm import Vm


def memfd_over_a_jump(vm: Vm) -> None:
    """A live update that preserves a memfd."""
    old = vm.boot()
    session = old.create_session()
    session.save({"boot_id": old.hello.boot_id})
    new = vm.live_update()
    session = new.retrieve_session()
    check.equal("boot id of the old kernel", session.load()["boot_id"], old.hello.boot_id)
    session.finish()


def works(accel: tuple[str, ...], config: str) -> bool:
    """Whether machines run with this accelerator, found out by a kexec."""
    with tempfile.TemporaryDirectory() as name, Vm(Machine(), config, Path(name), accel) as vm:
        vm.patience = 20
        try:
            memfd_over_a_jump(vm)
            vm.finish()
        except (Failure, OSError):
            return False
        return not vm.console.findings(())


def scenario(name: str) -> Scenario:
    """The memfd scenario."""
    return Scenario(name, str(memfd_over_a_jump.__doc__), Machine(), memfd_over_a_jump)
