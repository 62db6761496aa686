# SPDX-License-Identifier: GPL-2.0
"""The sample driver (samples/rust/rust_driver_pci_liveupdate.rs) as seen from user space."""

from .guest import Guest
from .pci import Pci
from .session import Session

DRIVER = "rust_driver_pci_liveupdate"


def bind(guest: Guest, *devices: str) -> list[Pci]:
    """Binds these devices to the driver. It has no ids of its own."""
    bound = [guest.pci(device) for device in devices]
    for function in bound:
        function.bind(DRIVER)
    return bound


# Written to one of its files, and read back in the next kernel.
MAX_CONTENT = 64


def node(function: Pci) -> str:
    """The path of the character device of a bound function."""
    return f"/dev/pci-liveupdate-{function.bdf}"


def preserve(session: Session, function: Pci, token: int, content: bytes = b"") -> None:
    """Preserves a bound function in a session, which keeps its file open."""
    fd = function.guest.open(node(function))
    if content:
        fd.write(0, content)
    session.preserve(fd, token)
    fd.close()
