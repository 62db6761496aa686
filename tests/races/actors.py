# SPDX-License-Identifier: GPL-2.0
"""The threads of a round: who does what, in an order that a seed decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from errno import EAGAIN, EBUSY, EINVAL, ENODEV, ENOENT, ENOTTY, ENXIO, errorcode
from random import Random

from vm import Guest, Pci, sample, tracefs
from vm.guest import KHO
from vm.liveupdate import DEBUGFS
from vm.vfio import CONFIG, DRIVER

from .machine import CPUS
from .script import Script, Tally

LUO_DEBUGFS = "/sys/kernel/debug/liveupdate"
_BUS = "/sys/bus/pci"
_RESCAN = f"{_BUS}/rescan"

# What a step may come to, besides success. A device is being removed, or its driver unbound.
_GONE = {ENOENT, ENODEV, ENXIO}
# EAGAIN: a scan is running. EBUSY: another thread has preserved it.
_PRESERVE = {EAGAIN, EBUSY, ENODEV}
ALLOWED: dict[tuple[str, str], set[int]] = {
    ("preserve", "open"): _GONE,
    ("preserve", "preserve"): _PRESERVE,
    ("vfio", "open"): _GONE | {EBUSY},
    # EINVAL: somebody else has it open. EAGAIN: it is locked, and cannot be reset.
    ("vfio", "bind"): {ENODEV, EINVAL, EAGAIN},
    ("vfio", "preserve"): _PRESERVE | {EINVAL},
    ("vfio", "config"): {EINVAL},
    ("vfio", "reset"): {EINVAL, EBUSY, EAGAIN},
    ("remove", "reset"): _GONE | {EBUSY, ENOTTY, EAGAIN},
    ("remove", "remove"): _GONE,
    ("remove", "override"): _GONE,
    ("remove", "probe"): _GONE,
    ("rebind", "unbind"): {ENODEV},
    ("rebind", "bind"): _GONE | {EBUSY},
    ("adopt", "override"): _GONE,
    ("adopt", "probe"): _GONE,
    ("reset", "function"): _GONE | {EBUSY, ENOTTY, EAGAIN},
    ("reset", "below"): _GONE | {EBUSY, ENOTTY, EAGAIN},
    ("read", "config"): _GONE,
    ("scan", "bus"): _GONE,
}


@dataclass(frozen=True)
class Cast:
    """The devices of a round, in the kernel that runs."""

    guest: Guest
    shared: Sequence[Pci]
    rebound: Pci
    removed: Pci
    plugged: Pci
    user: Sequence[Pci]
    nodes: Sequence[str]
    """Of the latter, at the beginning. They get each other's while they are bound anew."""
    luo: int
    """The descriptor of /dev/liveupdate."""

    @property
    def files(self) -> list[Pci]:
        """The devices with a file of the sample driver, as long as they are there."""
        return [*self.shared, self.rebound, self.removed, self.plugged]


Writer = Callable[[Random, Cast, Script], None]


def _pause(rng: Random, script: Script, most: int) -> None:
    """None at all, now and then: who comes next is right behind."""
    if rng.random() < 0.7:
        script.pause(rng.randrange(most))


def _close(rng: Random, script: Script, *descriptors: str) -> None:
    """In any order."""
    for number in rng.sample(descriptors, len(descriptors)):
        script.do("close", "fd.close", number)
        _pause(rng, script, 2000)


def _preserve(rng: Random, cast: Cast, script: Script) -> None:
    """Preserves one device or two in a session, and unpreserves them."""
    for number in range(6):
        name = f"{script.actor}-{rng.getrandbits(48):x}-{number}"
        session = script.do("create", "luo.create", cast.luo, name)
        opened = []
        for token, function in enumerate(rng.sample(cast.files, rng.choice((1, 1, 2)))):
            file = script.do("open", "file.open", sample.node(function), "rw")
            script.do("preserve", "luo.preserve_fd", session, file, token)
            opened.append(file)
        _pause(rng, script, 20_000)
        _close(rng, script, session, *opened)


def _vfio(rng: Random, cast: Cast, script: Script) -> None:
    """Opens a device and closes it, and preserves it in between, or not."""
    for number in range(4):
        iommufd = script.do("iommufd", "file.open", "/dev/iommu", "rw")
        file = script.do("open", "file.open", rng.choice(cast.nodes), "rw")
        # What follows makes no sense without it, but must be harmless.
        script.do("bind", "vfio.bind", file, iommufd)
        opened = [iommufd, file]
        if rng.random() < 0.7:
            name = f"{script.actor}-{rng.getrandbits(48):x}-{number}"
            session = script.do("create", "luo.create", cast.luo, name)
            script.do("preserve", "luo.preserve_fd", session, file, 1)
            opened.append(session)
        if rng.random() < 0.5:
            script.do("config", "fd.pread", file, CONFIG, 64)
        if rng.random() < 0.3:
            script.do("reset", "vfio.reset", file)
        _pause(rng, script, 20_000)
        _close(rng, script, *opened)


def _scan(rng: Random, cast: Cast, script: Script) -> None:
    """Looks for devices, on all buses or behind a port."""
    for _ in range(4):
        if rng.random() < 0.7:
            script.do("all", "file.write", _RESCAN, "1")
        else:
            # Not that of a device: who removes it waits for the scan, and has the lock for that.
            bus, _, _ = rng.choice([*cast.files, *cast.user]).bdf.rpartition(":")
            script.do("bus", "file.write", f"/sys/class/pci_bus/{bus}/rescan", "1")
        _pause(rng, script, 60_000)


def _bind(script: Script, function: Pci) -> None:
    """Has a device that was removed, or plugged, bound to the sample driver, if it is not yet."""
    script.do("override", "file.write", f"{function.path}/driver_override", sample.DRIVER)
    script.do("probe", "file.write", f"{_BUS}/drivers_probe", function.bdf)


def _remove(rng: Random, cast: Cast, script: Script) -> None:
    """Removes a device, finds it again, and has it bound."""
    for _ in range(3):
        if rng.random() < 0.3:
            script.do("reset", "file.write", f"{cast.removed.path}/reset", "1")
        script.do("remove", "file.write", f"{cast.removed.path}/remove", "1")
        _pause(rng, script, 10_000)
        script.do("scan", "file.write", _RESCAN, "1")
        _bind(script, cast.removed)
        _pause(rng, script, 50_000)


def _adopt(rng: Random, cast: Cast, script: Script) -> None:
    """Binds the device that is plugged."""
    _bind(script, cast.plugged)
    script.pause(rng.randrange(50_000, 200_000))


def _rebind(rng: Random, cast: Cast, script: Script) -> None:
    """Unbinds drivers and binds them."""
    for _ in range(4):
        driver, function = rng.choice(((sample.DRIVER, cast.rebound), (DRIVER, cast.user[0])))
        script.do("unbind", "file.write", f"{_BUS}/drivers/{driver}/unbind", function.bdf)
        _pause(rng, script, 5_000)
        script.do("bind", "file.write", f"{_BUS}/drivers/{driver}/bind", function.bdf)
        _pause(rng, script, 30_000)


def _reset(rng: Random, cast: Cast, script: Script) -> None:
    """Resets devices that may be preserved, or are not there."""
    for _ in range(3):
        function = rng.choice([*cast.shared, cast.removed])
        script.do("function", "file.write", f"{function.path}/reset", "1")
        # Not one with bridges below: who resets them does not wait for a scan, which would find
        # them without bus numbers.
        port = cast.rebound.line[0]
        script.do("below", "file.write", f"{port.path}/reset_subordinate", "1")
        _pause(rng, script, 100_000)


def _read(rng: Random, cast: Cast, script: Script) -> None:
    """Reads all that tells of live updates, and what sysfs tells of devices."""
    names = [f"{DEBUGFS}/{name}" for name in ("outgoing", "incoming", "eligible", "stats")]
    names += [f"{LUO_DEBUGFS}/{name}" for name in ("outgoing", "incoming")]
    names += [f"{KHO}/out/sub_fdts/LUO"]
    for _ in range(8):
        script.do("debugfs", "file.read", rng.choice(names))
        if rng.random() < 0.3:
            function = rng.choice([*cast.files, *cast.user])
            script.do("config", "file.read_at", f"{function.path}/config", 0, 64)
        _pause(rng, script, 10_000)


def _trace(rng: Random, _cast: Cast, script: Script) -> None:
    """Reads the trace, while it is switched off and on.

    The events stay enabled: these switches are in the code, and QEMU before 8.1 may run what it
    has translated while another CPU has changed it.
    """
    for _ in range(6):
        script.do("trace", "file.read_at", f"{tracefs.TRACEFS}/trace", 0, 1 << 14)
        if rng.random() < 0.3:
            script.do("switch", "file.write", f"{tracefs.TRACEFS}/tracing_on", "0")
            _pause(rng, script, 5_000)
            script.do("switch", "file.write", f"{tracefs.TRACEFS}/tracing_on", "1")
        if rng.random() < 0.3:
            cpu = f"{tracefs.TRACEFS}/per_cpu/cpu{rng.randrange(CPUS)}"
            script.do("statistics", "file.read", f"{cpu}/stats")
        _pause(rng, script, 20_000)


# How many threads of each kind there are.
_THREADS: dict[str, tuple[Writer, int]] = {
    "preserve": (_preserve, 3),
    "vfio": (_vfio, 2),
    "scan": (_scan, 1),
    "remove": (_remove, 1),
    "adopt": (_adopt, 1),
    "rebind": (_rebind, 1),
    "reset": (_reset, 1),
    "read": (_read, 2),
    "trace": (_trace, 1),
}


def scripts(rng: Random, cast: Cast) -> dict[str, Script]:
    """The threads of a round by name."""
    found = {}
    for actor, (write, count) in _THREADS.items():
        for number in range(count):
            script = Script(actor)
            write(rng, cast, script)
            found[f"{actor}{number}"] = script
    return found


def odd(tally: Tally) -> list[str]:
    """Steps that failed as they must not."""
    found = []
    for actor, step, counts in tally:
        codes = set(counts) - {0} - ALLOWED.get((actor, step), set())
        if codes:
            names = ", ".join(errorcode.get(code, str(code)) for code in sorted(codes))
            found.append(f"{step} of {actor} failed: {names}")
    return found


def idle(tally: Tally) -> list[str]:
    """Steps that never worked, and actors that did nothing."""
    found = [f"{step} of {actor} never worked" for actor, step, counts in tally if not counts[0]]
    missing = {*_THREADS, "hotplug"} - {actor for actor, _, _ in tally}
    return found + [f"{actor} did nothing" for actor in sorted(missing)]
