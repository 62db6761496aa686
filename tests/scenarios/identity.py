# SPDX-License-Identifier: GPL-2.0
"""The new kernel knows what each preserved function is, and recognizes it.

The record is compared with the registers. Then the host changes it between two kernels, as if
another device or the same one in another state was there. Another device is stopped before
anything else is written to it, which a controller that counts into memory shows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from errno import ENODEV

from vm import Guest, Machine, Pci, Vm, check, device, endpoint, fabric, handover, root_port
from vm import sample
from vm.handover import Identity
from vm.heart import Heart, preserved_page
from vm.liveupdate import due, summary
from vm.pages import PAGE
from vm.trace import Mark

MACHINE = Machine(
    devices=[
        root_port("rp", "4"),
        device("pcie-pci-bridge", "bridge", "rp"),
        endpoint("usb", "bridge", "pci-ohci", "1"),
    ],
)
PATH = ("rp", "bridge", "usb")

CONTROLLER, AREA = 1, 2
ERROR, WARNING = 3, 4

# Offsets of struct pci_identity.
FUNCTION, FLAGS, HEADER_TYPE, VENDOR, DEVICE, SUBSYSTEM = 4, 6, 7, 8, 10, 14
REVISION, CLASS, ACS, BUSES, RESERVED = 16, 18, 20, 22, 25
# Registers.
COMMAND, CLASS_REVISION, TYPE, BUS_NUMBERS, SUBSYSTEM_IDS = 0x04, 0x08, 0x0E, 0x18, 0x2C
MASTER = 1 << 2


@dataclass(frozen=True)
class Change:
    """A byte that the host changes in the entry of a function."""

    function: str
    offset: int
    xor: int


@dataclass(frozen=True)
class Case:
    """What the host does to the record, and what the new kernel makes of it."""

    changes: tuple[Change, ...]
    details: dict[str, str]
    """A part of the line in `incoming`, by function."""
    after: Callable[["Jump", Guest], None]
    arguments: str = ""
    """Of both kernels."""


class Jump:
    """The end of a kernel, at which its record is read and changed."""

    def __init__(self, vm: Vm, case: Case) -> None:
        self.vm = vm
        self._case = case
        self._luo = vm.guest.outgoing_luo()
        self.path = {name: vm.guest.pci(name) for name in PATH}
        self.record: dict[str, Identity] = {}
        self.mark: Mark | None = None
        self.array = (0, b"")
        """Where the array is, and its page."""

    def __call__(self) -> None:
        ram = self.vm.ram
        array = handover.pci_array(ram, self._luo)
        assert array
        self.array = array.address, ram.read(array.address, PAGE)
        self.record = handover.identities(ram, self._luo)
        for change in self._case.changes:
            address = self.record[self.path[change.function].bdf].address + change.offset
            [byte] = ram.read(address, 1)
            ram.write(address, bytes([byte ^ change.xor]))
        self.mark = self.vm.trace.mark()


def registers(function: Pci) -> tuple[object, ...]:
    """What the registers of a function say, in the order of the record."""
    kind = function.read(TYPE, 1) & 0x7F
    buses = function.read(BUS_NUMBERS, 4).to_bytes(4, "little")[:3] if kind else b"\0\0\0"
    ids = 0 if kind else function.read(SUBSYSTEM_IDS, 4)
    routing = fabric.routing(function)
    flags = Identity.USED
    flags |= Identity.DMA if function.bus_master else 0
    flags |= Identity.ACS if routing.acs is not None else 0
    flags |= Identity.ARI if kind and routing.ari else 0
    return (
        flags, kind, (function.read(0, 2), function.read(2, 2)), (ids & 0xFFFF, ids >> 16),
        function.read(CLASS_REVISION, 4), routing.acs or 0, buses,
    )  # fmt: skip


def recorded(identity: Identity) -> tuple[object, ...]:
    """The same of the record."""
    return (
        identity.flags, identity.header_type, identity.ids, identity.subsystem,
        identity.class_revision, identity.acs_ctrl, identity.buses,
    )  # fmt: skip


def goes_on(jump: Jump, new: Guest) -> None:
    """All are incoming, and DMA goes on."""
    usb = new.pci(jump.path["usb"].bdf)
    check.equal("functions that arrived", new.stats()["arrived"], len(PATH))
    check.true("Bus Master is on", usb.bus_master)
    heart = Heart(jump.vm, usb)
    check.true("the controller was never refused", not heart.tripped)
    sample.bind(new, usb.bdf)
    session = new.retrieve_session()
    session.retrieve(CONTROLLER).close()
    heart.stop()
    session.finish()


def warned(jump: Jump, new: Guest) -> None:
    """They are incoming, and each difference has a line of its own."""
    lines = [line for line in new.log(WARNING) if "incoming, but expected" in line]
    check.equal("lines about differences", len(lines), 7)
    goes_on(jump, new)


def stopped(jump: Jump, new: Guest) -> None:
    """It is not incoming, and cannot reach memory."""
    usb = new.pci(jump.path["usb"].bdf)
    assert jump.mark
    first = next(jump.vm.trace.writes(usb.bdf, since=jump.mark))
    check.equal("the first register that is written", first.offset, COMMAND)
    check.true("that takes Bus Master", not first.value & MASTER)
    check.true("Bus Master is off", not usb.bus_master)
    heart = Heart(jump.vm, usb)
    jump.vm.wait_for("the controller is refused", lambda: heart.tripped, 5)
    stats = new.stats()
    check.equal("other devices", stats["other_device"], 1)
    check.equal("functions that arrived", stats["arrived"], len(PATH) - 1)
    lines = new.said(summary(len(PATH), found=len(PATH) - 1))
    check.equal("lines that sum it up", len(lines), 1)
    check.equal("state", new.incoming()[usb.bdf].state, "missing")

    jump.vm.step("any driver may have it, and its file is given up")
    sample.bind(new, usb.bdf)
    session = new.retrieve_session()
    with check.refused(ENODEV):
        session.retrieve(CONTROLLER)
    session.finish()
    check.empty("incoming", new.incoming())


def refused(jump: Jump, new: Guest) -> None:
    """Whether the array or the record is right, nobody knows: its page stays as it is."""
    address, page = jump.array
    check.empty("incoming", new.incoming())
    check.equal("functions that arrived", new.stats()["arrived"], 0)
    lines = new.said("handover refused: identity record: ", ERROR)
    check.equal("lines that tell why", len(lines), 1)
    check.true("the page of the array is unchanged", jump.vm.ram.read(address, PAGE) == page)


OTHER = "expected 106b:003f class 0x0c0310 header type 0x00, found 106b:003f"
NO_RECORD = dict.fromkeys(PATH, "no record")
CASES = {
    "same": Case((), {"usb": "106b:003f class 0x0c0310 header type 0x00, DMA goes on"}, goes_on),
    "other-vendor": Case(
        (Change("usb", VENDOR, 1),), {"usb": OTHER.replace("106b", "106a", 1)}, stopped
    ),
    "other-class": Case(
        (Change("usb", CLASS, 1),), {"usb": OTHER.replace("0c0310", "0c0210")}, stopped
    ),
    "other-type": Case(
        (Change("usb", HEADER_TYPE, 1),), {"usb": OTHER.replace("type 0x00", "type 0x01")}, stopped
    ),
    "state": Case(
        (
            Change("usb", REVISION, 0x21),
            Change("usb", SUBSYSTEM, 1),
            Change("bridge", FLAGS, Identity.ACS),
            Change("bridge", BUSES + 2, 1),
            Change("rp", ACS, 1),
            Change("rp", FLAGS, Identity.ARI),
            Change("rp", REVISION, 1),
        ),
        {
            "usb": "expected revision 0x21, found 0x00",
            "bridge": "expected buses",
            "rp": "expected ARI Forwarding on, found it off",
        },
        warned,
    ),
    "damaged": Case((Change("bridge", RESERVED, 1),), NO_RECORD, goes_on),
    "unlisted": Case(
        (Change("usb", FUNCTION, 0x80),),
        {},
        refused,
        "pci_liveupdate.formats=pci-v3 pci_liveupdate=ignore",
    ),
}  # fmt: skip


def story(vm: Vm, case: Case) -> None:
    old = vm.boot(case.arguments)
    (usb,) = sample.bind(old, "usb")
    session = old.create_session()
    page = preserved_page(vm, session, AREA)
    heart = Heart(vm, usb)
    heart.start(page)
    heart.beats(page)
    sample.preserve(session, usb, CONTROLLER)

    jump = Jump(vm, case)
    expected = {function.bdf: registers(function) for function in jump.path.values()}
    check.equal("preserved", set(expected), set(due(usb)))
    new = vm.live_update(case.arguments, at_jump=jump)
    found = {bdf: recorded(identity) for bdf, identity in jump.record.items()}
    check.equal("the record", found, expected)
    incoming = new.incoming()
    for name, detail in case.details.items():
        told = incoming[jump.path[name].bdf].detail
        check.true(f"{name}: {told}", detail in told)
    case.after(jump, new)
