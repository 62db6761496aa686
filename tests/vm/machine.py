# SPDX-License-Identifier: GPL-2.0
"""The machine of a scenario: its PCI functions and their topology."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

ROOT = "pcie.0"

# Drivers that need a unique chassis number.
_PORTS = {"pcie-root-port", "ioh3420", "xio3130-downstream"}


@dataclass(frozen=True)
class Device:
    """One `-device`. Its id is the name that the scenario uses."""

    driver: str
    id: str
    bus: str = ROOT
    addr: str | None = None
    """SLOT or SLOT.FUNCTION on the bus, in hexadecimal; QEMU chooses if None."""
    options: tuple[tuple[str, str], ...] = ()

    def properties(self) -> dict[str, str]:
        """The properties for QEMU, on its command line or for device_add."""
        found = {"driver": self.driver, "id": self.id, **dict(self.options)}
        # Some devices have no bus (nvme-subsys).
        if self.bus:
            found["bus"] = self.bus
        if self.addr is not None:
            found["addr"] = self.addr
        return found


def device(
    driver: str, id: str, bus: str = ROOT, addr: str | None = None, **options: object
) -> Device:
    """Any device of QEMU; `_` in option names stands for `-`."""
    fixed = tuple((key.replace("_", "-"), str(value)) for key, value in options.items())
    return Device(driver, id, bus, addr, fixed)


def root_port(id: str, addr: str | None = None, **options: object) -> Device:
    """A PCIe root port, with hotplug, ACS and ARI Forwarding."""
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
    """A function at the end of a path. `edu` is small, and Linux has no driver for it."""
    return device(driver, id, bus, addr, **options)


def _flat(devices: Iterable[Device | Sequence[Device]]) -> list[Device]:
    flat: list[Device] = []
    for item in devices:
        flat.extend([item] if isinstance(item, Device) else item)
    return flat


@dataclass(frozen=True)
class Drive:
    """A drive, for the `drive` of a device. It is a sparse file."""

    id: str
    size: int
    """In MiB."""
    rate: int = 0
    """Commands per second, to have some under way for a while; 0: as fast as possible."""

    @property
    def image(self) -> str:
        """The name of the file, in the directory of the machine."""
        return f"{self.id}.img"

    def arguments(self) -> list[str]:
        """The argument for QEMU."""
        options = f"if=none,id={self.id},file={self.image},format=raw"
        limit = f",throttling.iops-total={self.rate}" if self.rate else ""
        return ["-drive", options + limit]


@dataclass(frozen=True)
class Machine:
    """The machine that a scenario runs on."""

    devices: Sequence[Device | Sequence[Device]] = ()
    arguments: str = ""
    """Arguments for every kernel of the scenario."""
    kernels: Sequence[str] = ()
    """Additional kernels for kexec, by CONFIG."""
    cpus: int = 1
    memory: int | None = None
    """In MiB, if the profile is too small."""
    leaks: int | None = None
    """Scan for memory leaks before the end, if the kernel supports it (CONFIG=debug).

    The number of the last kernel of the scenario, counted from 1. Only that one tracks its
    memory, which doubles the boot time.
    """
    cables: Sequence[str] = ()
    """Network links to the host, by the `netdev` of the card."""
    drives: Sequence[Drive] = ()
    programs: Sequence[str] = ()
    """Programs of the kernel tree, which are in the guest by their file name."""
    shell: bool = False
    """Whether the guest has what vm/shell.py needs."""
    modules: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Modules by CONFIG, which are in the guest by their file name."""
    qemu: Sequence[str] = field(default=())
    """Additional arguments for QEMU."""

    def device_arguments(self) -> list[str]:
        """The `-device` arguments, in the given order: a bus comes before the devices on it."""
        arguments = []
        for chassis, item in enumerate(_flat(self.devices), start=1):
            properties = item.properties()
            if item.driver in _PORTS:
                properties.setdefault("chassis", str(chassis))
            driver = properties.pop("driver")
            pairs = [f"{key}={value}" for key, value in properties.items()]
            arguments += ["-device", ",".join([driver, *pairs])]
        return arguments
