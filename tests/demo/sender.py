# SPDX-License-Identifier: GPL-2.0
"""Sends a stream of frames at a fixed rate, in a thread."""

import threading
import time
from array import array

from vm.net import Cable

from .frames import Stream


class Sender:
    """Sends from `start()` to `stop()`. What it sends before that does not count."""

    def __init__(self, cable: Cable, stream: Stream, rate: int) -> None:
        self._cable = cable
        self._stream = stream
        self.rate = rate
        """Frames per second."""
        self._times = array("d")
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._error: OSError | None = None
        self.first = 0
        """The number of the first frame that counts."""
        self.began = 0.0
        """The time at which it was sent."""

    @property
    def sent(self) -> int:
        """The number of frames that count."""
        return len(self._times)

    @property
    def times(self) -> list[float]:
        """The times at which they were sent."""
        return self._times.tolist()

    def attempt(self) -> int:
        """Sends a frame that does not count, and returns its number."""
        self._cable.send(self._stream.frame(self.first))
        self.first += 1
        return self.first - 1

    def start(self) -> None:
        """Frames sent from now on count."""
        self.began = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Stops sending."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._error:
            raise self._error

    def _ahead(self) -> float:
        """The delay before the next frame. A late frame is sent immediately."""
        return max(self.began + self.sent / self.rate - time.monotonic(), 0)

    def _run(self) -> None:
        try:
            while not self._end.wait(self._ahead()):
                self._cable.send(self._stream.frame(self.first + self.sent))
                self._times.append(time.monotonic())
        except OSError as err:
            self._error = err
