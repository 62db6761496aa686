# SPDX-License-Identifier: GPL-2.0
"""QEMU's control socket: device_add, query-pci, stop, cont, events."""

import json
import socket
import time
from typing import Any

from .clock import Clock, Limit
from .errors import Failure, GuestGone


class Qmp:
    """A synchronous connection. Events are kept until they are asked for."""

    def __init__(self, sock: socket.socket, clock: Clock) -> None:
        self._sock = sock
        self._clock = clock
        self._pending = b""
        self.events: list[dict[str, Any]] = []

    def connect(self, timeout: float = 30.0) -> None:
        """Reads the greeting and leaves negotiation mode."""
        with self._clock.limit(timeout, "the control socket") as limit:
            self._message(limit)
        self.command("qmp_capabilities")

    def close(self) -> None:
        """Closes the connection; the machine goes on."""
        self._sock.close()

    def _message(self, limit: Limit) -> dict[str, Any]:
        while b"\n" not in self._pending:
            self._sock.settimeout(limit.pause())
            try:
                chunk = self._sock.recv(65536)
            except TimeoutError:
                continue
            except ConnectionError:
                chunk = b""
            if not chunk:
                raise GuestGone("the machine ended")
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def command(
        self, name: str, arguments: dict[str, Any] | None = None, timeout: float = 30.0
    ) -> Any:
        """Runs a command."""
        request = {"execute": name, "arguments": arguments or {}}
        try:
            self._sock.sendall(json.dumps(request).encode() + b"\n")
        except OSError as err:
            raise GuestGone("the machine ended") from err
        with self._clock.limit(timeout, name) as limit:
            while True:
                message = self._message(limit)
                if "event" in message:
                    self.events.append(message)
                elif "error" in message:
                    raise Failure(f"QEMU refuses {name}: {message['error']['desc']}")
                else:
                    return message["return"]

    def job(self, name: str, arguments: dict[str, Any], timeout: float = 120.0) -> None:
        """Runs a command that makes a job, to the end of that."""
        self.command(name, {"job-id": name, **arguments})
        with self._clock.limit(timeout, name) as limit:
            while True:
                [job] = [job for job in self.command("query-jobs") if job["id"] == name]
                if job["status"] == "concluded":
                    break
                if limit.over():
                    raise Failure(f"{name} does not end: {job}")
                time.sleep(0.005)
        self.command("job-dismiss", {"id": name})
        if "error" in job:
            raise Failure(f"QEMU fails to {name}: {job['error']}")

    def hmp(self, line: str) -> str:
        """Runs a command of the human monitor, for what QMP does not support."""
        return str(self.command("human-monitor-command", {"command-line": line}))

    def wait_event(self, name: str, timeout: float, **data: Any) -> dict[str, Any]:
        """The first event with this name and data, past or future."""
        seen = 0
        with self._clock.limit(timeout, name) as limit:
            while True:
                for event in self.events[seen:]:
                    found = event.get("data", {})
                    if event["event"] == name and data.items() <= found.items():
                        return event
                seen = len(self.events)
                message = self._message(limit)
                if "event" in message:
                    self.events.append(message)
