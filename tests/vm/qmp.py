# SPDX-License-Identifier: GPL-2.0
"""QEMU's control socket: device_add, query-pci, stop, cont, events."""

import json
import socket
import time
from typing import Any

from .errors import Failure, GuestGone


class Qmp:
    """A synchronous connection. Events are kept until they are asked for."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._pending = b""
        self.events: list[dict[str, Any]] = []

    def connect(self, timeout: float = 30.0) -> None:
        """Reads the greeting and leaves negotiation mode."""
        self._message(time.monotonic() + timeout)
        self.command("qmp_capabilities")

    def close(self) -> None:
        """Closes the connection; the machine goes on."""
        self._sock.close()

    def _message(self, until: float) -> dict[str, Any]:
        while b"\n" not in self._pending:
            self._sock.settimeout(max(until - time.monotonic(), 0.01))
            try:
                chunk = self._sock.recv(65536)
            except TimeoutError as err:
                raise GuestGone("QEMU does not answer its control socket") from err
            except ConnectionError:
                chunk = b""
            if not chunk:
                raise GuestGone("the machine ended")
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def command(
        self, name: str, arguments: dict[str, str] | None = None, timeout: float = 30.0
    ) -> Any:
        """Runs a command."""
        request = {"execute": name, "arguments": arguments or {}}
        try:
            self._sock.sendall(json.dumps(request).encode() + b"\n")
        except OSError as err:
            raise GuestGone("the machine ended") from err
        until = time.monotonic() + timeout
        while True:
            message = self._message(until)
            if "event" in message:
                self.events.append(message)
            elif "error" in message:
                raise Failure(f"QEMU refuses {name}: {message['error']['desc']}")
            else:
                return message["return"]

    def hmp(self, line: str) -> str:
        """Runs a command of the human monitor, for what QMP does not support."""
        return str(self.command("human-monitor-command", {"command-line": line}))

    def wait_event(self, name: str, timeout: float, **data: Any) -> dict[str, Any]:
        """The first event with this name and data, past or future."""
        until = time.monotonic() + timeout
        seen = 0
        while True:
            for event in self.events[seen:]:
                found = event.get("data", {})
                if event["event"] == name and data.items() <= found.items():
                    return event
            seen = len(self.events)
            message = self._message(until)
            if "event" in message:
                self.events.append(message)
