# SPDX-License-Identifier: GPL-2.0
"""A network link between the host and a card of the machine.

The host sends complete Ethernet frames, one per datagram. QEMU reads a datagram
from its socket when the card has a buffer for the frame. Until then it is queued,
and frames that exceed the queue are lost, as on a real link.
"""

import socket
from contextlib import suppress

# Frames that a busy machine reads a few seconds later must not be lost.
_QUEUE = 4 << 20
# Exceeds net.core.rmem_max where privileged. Python does not define it.
_SO_RCVBUFFORCE = 33


class Cable:
    """Two connected sockets, one of them for QEMU."""

    def __init__(self) -> None:
        self._near, self._far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in "12")
        for end in (self._near, self._far):
            end.bind(("127.0.0.1", 0))
        self._near.connect(self._far.getsockname())
        self._far.connect(self._near.getsockname())
        self._far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _QUEUE)
        with suppress(PermissionError):
            self._far.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _QUEUE)

    @property
    def fd(self) -> int:
        """The socket for QEMU."""
        return self._far.fileno()

    def netdev(self, name: str) -> list[str]:
        """The argument for QEMU. A card uses it with `netdev=NAME`."""
        return ["-netdev", f"dgram,id={name},local.type=fd,local.str={self.fd}"]

    def plugged(self) -> None:
        """QEMU has inherited its socket."""
        self._far.close()

    def send(self, frame: bytes) -> None:
        """Sends a frame."""
        self._near.send(frame)

    def close(self) -> None:
        """Closes the link."""
        self._near.close()
        self._far.close()
