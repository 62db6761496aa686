# SPDX-License-Identifier: GPL-2.0
"""A network cable between the host and a card of the machine.

What the host sends are whole Ethernet frames, one per datagram. QEMU takes a
datagram out of its socket when the card has room for the frame; until then it
waits there, and what does not fit any more is lost, like on a real cable.
"""

import socket
from contextlib import suppress

# What a busy machine does not look at for a few seconds should still be there.
_QUEUE = 4 << 20
# Goes beyond net.core.rmem_max, for whoever may. Python has no name for it.
_SO_RCVBUFFORCE = 33


class Cable:
    """Two sockets, connected to each other. The far one is for QEMU."""

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
        """The far end."""
        return self._far.fileno()

    def netdev(self, name: str) -> list[str]:
        """The argument for QEMU. A card is put on it with `netdev=NAME`."""
        return ["-netdev", f"dgram,id={name},local.type=fd,local.str={self.fd}"]

    def plugged(self) -> None:
        """QEMU has its end."""
        self._far.close()

    def send(self, frame: bytes) -> None:
        """Puts a frame on the cable."""
        self._near.send(frame)

    def close(self) -> None:
        """Pulls it."""
        self._near.close()
        self._far.close()
