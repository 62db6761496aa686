# SPDX-License-Identifier: GPL-2.0
"""The sample driver (samples/rust/rust_driver_pci_liveupdate.rs) from user space."""

from .guest import Guest
from .pci import Pci
from .session import Session

DRIVER = "rust_driver_pci_liveupdate"


def bind(guest: Guest, *devices: str) -> list[Pci]:
    """Gives these devices to the driver. It takes none by itself."""
    bound = [guest.pci(device) for device in devices]
    for function in bound:
        function.bind(DRIVER)
    return bound


# What can be written to a file of it, and read back after the jump.
MAX_CONTENT = 64


def node(function: Pci) -> str:
    """The character device of a bound function."""
    return f"/dev/pci-liveupdate-{function.bdf}"


def preserve(session: Session, function: Pci, token: int, content: bytes = b"") -> None:
    """Puts a bound function into a session, which then keeps its file open."""
    fd = function.guest.open(node(function))
    if content:
        fd.write(0, content)
    session.preserve(fd, token)
    fd.close()
