# SPDX-License-Identifier: GPL-2.0
"""Time limits, with processes that hang, that are stopped and that do not get to run."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .agent import Port
from .clock import Clock, Limit, Thread, threads
from .errors import GuestGone, GuestSilent, HostStalled

SLEEP = "import signal; print(flush=True); signal.pause()"
SPIN = "print(flush=True)\nwhile True: pass"
# Answers each request with what it says, as an agent that is asked for `ok`.
ECHO = """
import socket, sys
port = socket.socket(fileno=int(sys.argv[1]))
print(flush=True)
for line in port.makefile("rb"):
    port.sendall(line)
"""


@contextmanager
def child(program: str, *arguments: str, fds: tuple[int, ...] = ()) -> Iterator[int]:
    """A process that runs a Python program, from the line that it prints on."""
    command = [sys.executable, "-c", program, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=fds) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


def stop(pid: int) -> None:
    """Stops a child."""
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)


def use_up(limit: Limit) -> float:
    """Waits until the guest has used all its time. Returns how long that took."""
    began = time.monotonic()
    while not limit.over():
        time.sleep(0.01)
    return time.monotonic() - began


ASLEEP, BUSY = True, False


class Told:
    """A process with two threads, and a clock, that do what the test says."""

    def __init__(self) -> None:
        self.time = 0.0
        self.threads = {1: Thread(ASLEEP, 0, 0), 2: Thread(ASLEEP, 0, 0)}

    def clock(self) -> Clock:
        """The clock of a guest in it."""
        return Clock(lambda: dict(self.threads), lambda: self.time, at_once=0)


class Counted(unittest.TestCase):
    """What counts as time of the guest, and what does not."""

    def setUp(self) -> None:
        self.told = Told()
        self.clock = self.told.clock()

    def test_idle(self) -> None:
        """A guest that does nothing uses its time, to the end."""
        with self.clock.limit(10, "it") as limit:
            for _ in range(10):
                self.told.time += limit.pause()
            with self.assertRaisesRegex(GuestSilent, "it took 10.0 s, of which the guest had 10.0"):
                limit.pause()
        self.assertEqual(self.clock.stalls, [])

    def test_spins(self) -> None:
        """So does one that runs all the time."""
        with self.clock.limit(10, "it") as limit:
            for number in range(1, 11):
                self.told.time += limit.pause()
                self.told.threads[2] = Thread(BUSY, number, 0)
            self.assertTrue(limit.over())

    def test_waits_for_a_processor(self) -> None:
        """The thread that waits longest counts, and no more than that passed."""
        with self.clock.limit(10, "it") as limit:
            self.told.time += 1
            self.told.threads = {1: Thread(BUSY, 0, 0.25), 2: Thread(ASLEEP, 0.25, 0.75)}
            self.assertEqual((limit.pause(), limit.used), (1, 0.25))
            self.told.time += 1
            self.told.threads[1] = Thread(BUSY, 0.125, 5.25)
            self.assertEqual((limit.pause(), limit.used), (1, 0.375))

    def test_does_not_get_one(self) -> None:
        """That it waits is not known before it has one."""
        self.told.threads[1] = Thread(BUSY, 5, 7)
        with self.clock.limit(10, "it") as limit:
            for _ in range(100):
                self.told.time += limit.pause()
            self.assertEqual((limit.pause(), limit.used), (1, 0))
            self.told.threads[1] = Thread(ASLEEP, 5, 7)
            self.told.time += 1
            self.assertEqual((limit.pause(), limit.used), (1, 1))
        self.assertEqual(self.clock.stalls, ["it took 101.0 s, of which the guest had 1.0 s"])

    def test_new_thread(self) -> None:
        """All that a new thread has waited is new, and one that has ended says nothing."""
        with self.clock.limit(10, "it") as limit:
            self.told.time += 1
            self.told.threads = {3: Thread(BUSY, 0.25, 0.5)}
            limit.pause()
            self.assertEqual(limit.used, 0.5)

    def test_nothing_runs(self) -> None:
        """This program does not run either, so a second takes ten minutes."""
        with self.clock.limit(90, "it") as limit:
            limit.pause()
            self.told.time += 590
            self.assertEqual((limit.pause(), limit.used), (1, 2))
        self.assertEqual(self.clock.stalls, ["it took 590.0 s, of which the guest had 2.0 s"])

    def test_the_answer_ends_the_stall(self) -> None:
        """What was there when the host went on is an answer in time."""
        with self.clock.limit(90, "it") as limit:
            limit.pause()
            self.told.time += 590
        self.assertEqual(self.clock.stalls, ["it took 590.0 s, of which the guest had 2.0 s"])

    def test_short_stalls_are_not_told(self) -> None:
        """Nothing is said of what the limit would have allowed anyway."""
        with self.clock.limit(90, "it") as limit:
            limit.pause()
            self.told.time += 80
        self.assertEqual(self.clock.stalls, [])

    def test_not_for_ever(self) -> None:
        """A host that stalls for good is not the fault of the guest, and is an error."""
        self.told.threads[1] = Thread(BUSY, 0, 0)
        with self.clock.limit(10, "it") as limit:
            with self.assertRaisesRegex(HostStalled, "it took 3611.0 s, of which the guest had 0"):
                while True:
                    self.told.time += limit.pause()

    def test_most_answers_come_at_once(self) -> None:
        """Nobody looks at the process for them, and a stall is told nevertheless."""
        clock = Clock(lambda: self.fail("a look"), lambda: self.told.time)
        with clock.limit(10, "it") as limit:
            self.assertEqual(limit.pause(), 0.1)
            self.told.time += 0.05
        self.assertEqual((limit.used, clock.stalls), (0.05, []))
        with clock.limit(10, "it") as limit:
            limit.pause()
            self.told.time += 590
        self.assertEqual(clock.stalls, ["it took 590.0 s, of which the guest had 2.0 s"])

    def test_looks_from_then_on(self) -> None:
        """What is not answered at once is looked at."""
        clock = Clock(lambda: dict(self.told.threads), lambda: self.told.time)
        self.told.threads[1] = Thread(BUSY, 0, 0)
        with clock.limit(10, "it") as limit:
            for _ in range(100):
                self.told.time += limit.pause()
            self.assertEqual((limit.pause(), limit.used), (1, 0.1))

    def test_the_last_pause_is_short(self) -> None:
        """A limit is not exceeded by waiting."""
        with self.clock.limit(1.25, "it") as limit:
            self.told.time += limit.pause()
            self.assertEqual(limit.pause(), 0.25)


class Processes(unittest.TestCase):
    """The same, with processes."""

    def test_hangs(self) -> None:
        """A guest that sleeps or spins for ever uses its time."""
        for program in (SLEEP, SPIN):
            with child(program) as pid, Clock.of(pid).limit(0.3, "it") as limit:
                self.assertGreaterEqual(use_up(limit), 0.3)

    def test_stopped(self) -> None:
        """Nothing is counted until it goes on."""
        with child(SPIN) as pid:
            stop(pid)
            with Clock.of(pid).limit(0.3, "it") as limit:
                limit.over()
                used = limit.used
                for _ in range(50):
                    time.sleep(0.01)
                    self.assertFalse(limit.over())
                self.assertEqual(limit.used, used)
                os.kill(pid, signal.SIGCONT)
                use_up(limit)

    def test_starved(self) -> None:
        """A guest that gets a small part of a processor uses as little of its time."""
        cpus = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cpus)})
        self.addCleanup(os.sched_setaffinity, 0, cpus)
        with child(SPIN) as guest, child(SPIN):
            os.setpriority(os.PRIO_PROCESS, guest, 10)
            os.sched_setaffinity(0, cpus)
            with Clock.of(guest).limit(0.05, "it") as limit:
                self.assertGreater(use_up(limit), 0.15)

    def test_ended(self) -> None:
        """A process that is gone has no threads."""
        with child(SLEEP) as pid:
            pass
        self.assertEqual(threads(pid), {})


class Ports(unittest.TestCase):
    """A request to an agent whose process stalls, or does not answer."""

    @contextmanager
    def port(self, program: str) -> Iterator[tuple[int, Port, Clock]]:
        """A port whose other end a child has."""
        near, far = socket.socketpair()
        with tempfile.TemporaryDirectory() as name, far:
            with child(program, str(far.fileno()), fds=(far.fileno(),)) as pid:
                far.close()
                clock = Clock(lambda: threads(pid), at_once=0, period=0.01)
                port = Port(near, Path(name) / "agent.log", clock)
                yield pid, port, clock
                port.close()

    def test_stalls(self) -> None:
        """The answer counts, however late it is, and the stall is told."""
        with self.port(ECHO) as (pid, port, clock):
            stop(pid)
            timer = threading.Timer(0.6, os.kill, (pid, signal.SIGCONT))
            timer.start()
            self.assertEqual(port.request(0.3, "ok", "it"), [b"it"])
            timer.join()
            self.assertRegex(clock.stalls[0], "^ok it took .* of which the guest had 0")

    def test_hangs(self) -> None:
        """There is no answer."""
        with self.port(SLEEP) as (_, port, clock):
            with self.assertRaisesRegex(GuestSilent, "no answer in time: ok it took"):
                port.request(0.3, "ok", "it")
            self.assertEqual(clock.stalls, [])

    def test_ends(self) -> None:
        """That is not silence."""
        with self.port(ECHO) as (pid, port, _):
            os.kill(pid, signal.SIGKILL)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            with self.assertRaises(GuestGone):
                port.request(0.3, "ok", "it")
