# SPDX-License-Identifier: GPL-2.0
"""Sends a stream of frames at an even pace, in a thread of its own."""

import threading
import time
from array import array

from vm.net import Cable

from .frames import Stream


class Sender:
    """Sends from `start()` to `stop()`. What it sends before that are only tries."""

    def __init__(self, cable: Cable, stream: Stream, rate: int) -> None:
        self._cable = cable
        self._stream = stream
        self.rate = rate
        """Frames a second."""
        self._times = array("d")
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._error: OSError | None = None
        self.first = 0
        """The number of the first frame that counts."""
        self.began = 0.0
        """When it was sent."""

    @property
    def sent(self) -> int:
        """How many frames were sent that count."""
        return len(self._times)

    @property
    def times(self) -> list[float]:
        """When each of them was."""
        return self._times.tolist()

    def attempt(self) -> int:
        """Sends one frame that does not count, and returns its number."""
        self._cable.send(self._stream.frame(self.first))
        self.first += 1
        return self.first - 1

    def start(self) -> None:
        """From now on they count."""
        self.began = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """No more of them."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._error:
            raise self._error

    def _ahead(self) -> float:
        """How long the next frame has to wait. One that is late is sent at once."""
        return max(self.began + self.sent / self.rate - time.monotonic(), 0)

    def _run(self) -> None:
        try:
            while not self._end.wait(self._ahead()):
                self._cable.send(self._stream.frame(self.first + self.sent))
                self._times.append(time.monotonic())
        except OSError as err:
            self._error = err
