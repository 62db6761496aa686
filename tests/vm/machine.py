# SPDX-License-Identifier: GPL-2.0
"""The machine of a scenario: which PCI functions there are, and how they hang together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

ROOT = "pcie.0"

# Drivers that want a chassis number of their own.
_PORTS = {"pcie-root-port", "ioh3420", "xio3130-downstream"}


@dataclass(frozen=True)
class Device:
    """One `-device`. Its id is the name that the story knows it by, and its bus if it has one."""

    driver: str
    id: str
    bus: str = ROOT
    addr: str | None = None
    """SLOT or SLOT.FUNCTION on the bus, in hexadecimal; None lets QEMU choose."""
    options: tuple[tuple[str, str], ...] = ()

    def properties(self) -> dict[str, str]:
        """As QEMU takes them, on its command line or through device_add."""
        found = {"driver": self.driver, "id": self.id, **dict(self.options)}
        # Not every device sits on a bus that is spelled out (nvme-subsys has none).
        if self.bus:
            found["bus"] = self.bus
        if self.addr is not None:
            found["addr"] = self.addr
        return found


def device(
    driver: str, id: str, bus: str = ROOT, addr: str | None = None, **options: object
) -> Device:
    """Any device QEMU has; `_` in option names stands for `-`."""
    fixed = tuple((key.replace("_", "-"), str(value)) for key, value in options.items())
    return Device(driver, id, bus, addr, fixed)


def root_port(id: str, addr: str | None = None, **options: object) -> Device:
    """A PCIe root port (it can hotplug, and has ACS and ARI forwarding)."""
    return device("pcie-root-port", id, ROOT, addr, **options)


def switch(id: str, bus: str, ports: int = 2) -> list[Device]:
    """A switch: upstream port ID, downstream ports ID.0 and so on."""
    upstream = device("x3130-upstream", id, bus)
    return [upstream] + [
        device("xio3130-downstream", f"{id}.{n}", id, f"{n:x}") for n in range(ports)
    ]


def endpoint(
    id: str, bus: str, driver: str = "edu", addr: str | None = None, **options: object
) -> Device:
    """A function at the end of a path. `edu` is small, and no driver in Linux wants it."""
    return device(driver, id, bus, addr, **options)


def _flat(devices: Iterable[Device | Sequence[Device]]) -> list[Device]:
    flat: list[Device] = []
    for item in devices:
        flat.extend([item] if isinstance(item, Device) else item)
    return flat


@dataclass(frozen=True)
class Machine:
    """What a scenario runs on."""

    devices: Sequence[Device | Sequence[Device]] = ()
    arguments: str = ""
    """Kernel arguments of every kernel of the story."""
    kernels: Sequence[str] = ()
    """Kernels to jump to besides the one of the CONFIG at hand, by CONFIG."""
    cpus: int = 1
    memory: int | None = None
    """In MiB, when the profile's is not enough."""
    leaks: int | None = None
    """Look for memory leaks before the end, where the kernel can (CONFIG=debug).

    It is the number of the kernel with which the story ends, from 1 on: only that one keeps
    track of its memory, which takes twice as long.
    """
    cables: Sequence[str] = ()
    """Network cables to the host, by the name that a card has as its `netdev`."""
    qemu: Sequence[str] = field(default=())
    """More arguments for QEMU."""

    def device_arguments(self) -> list[str]:
        """The `-device` arguments in the order given: a bus comes before who sits on it."""
        arguments = []
        for chassis, item in enumerate(_flat(self.devices), start=1):
            properties = item.properties()
            if item.driver in _PORTS:
                properties.setdefault("chassis", str(chassis))
            driver = properties.pop("driver")
            pairs = [f"{key}={value}" for key, value in properties.items()]
            arguments += ["-device", ",".join([driver, *pairs])]
        return arguments
