# SPDX-License-Identifier: GPL-2.0
"""Runs live updates in virtual machines.

    run.py ── cli ── runner ── scenario file: story(vm)
                        │            │
                        │            ├── vm ──────── QEMU: qmp, config trace, guest memory
                        │            └── vm.guest ── agent in the guest, over its own port
                        └── report (KTAP, JSON), splat scan of the console

What a scenario needs can be imported from here.
"""

from . import check, fabric, faults, handover, kselftest, liveupdate, pages, pci, sample, tracefs
from .errors import CheckFailed, Failure, GuestError
from .guest import Guest
from .machine import Device, Drive, Machine, device, endpoint, root_port, switch
from .pci import Pci
from .session import Fd, Session
from .splat import Expected
from .vm import Vm

__all__ = [
    "CheckFailed",
    "Device",
    "Drive",
    "Expected",
    "Failure",
    "Fd",
    "Guest",
    "GuestError",
    "Machine",
    "Pci",
    "Session",
    "Vm",
    "check",
    "contain",
    "device",
    "endpoint",
    "fabric",
    "faults",
    "handover",
    "kselftest",
    "liveupdate",
    "pages",
    "pci",
    "root_port",
    "sample",
    "switch",
    "tracefs",
]
