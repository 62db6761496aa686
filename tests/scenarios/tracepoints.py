# SPDX-License-Identifier: GPL-2.0
"""Tracepoints tell the life of each device in both kernels, on one timeline.

Each kernel is asked for its own part before it ends. The second one traces from its start,
since devices arrive before user space runs.
"""

from errno import EBUSY, EINVAL

from vm import Guest, Machine, Pci, Session, Vm, check, endpoint, root_port, sample, tracefs
from vm.liveupdate import due
from vm.pci import BUS_NUMBERS
from vm.tracefs import Event

MACHINE = Machine(
    devices=[
        root_port("rp0", "3"),
        endpoint("kept", "rp0"),
        root_port("rp1", "4"),
        endpoint("lost", "rp1"),
        root_port("rp2", "5"),
        endpoint("called-off", "rp2"),
        root_port("rp3", "6"),
        endpoint("pulled", "rp3"),
        root_port("rp4", "7"),
        endpoint("refused", "rp4"),
    ],
    leaks=2,
)

KEPT, LOST, OTHER = 1, 2, 3
ADDRESS = {"domain", "bus", "devfn"}
FIELDS = {
    name: ADDRESS for name in ("preserve", "unpreserve", "arrive", "finish", "leftover")
} | {"refuse": ADDRESS | {"error"}}

What = tuple[str, str, int | None]


def whats(events: list[Event]) -> list[What]:
    """The events without their time."""
    return [event.what for event in events]


def refusals(session: Session, kept: Pci, refused: Pci) -> list[What]:
    """A device is preserved twice, and another on a path that the next kernel would refuse."""
    port = refused.line[0]
    subordinate = port.bus_numbers.subordinate

    with check.refused(EBUSY):
        sample.preserve(session, kept, OTHER)
    port.write(BUS_NUMBERS + 2, 1, 0)
    with check.refused(EINVAL):
        sample.preserve(session, refused, OTHER)
    port.write(BUS_NUMBERS + 2, 1, subordinate)
    return [("refuse", kept.bdf, -EBUSY), ("refuse", refused.bdf, -EINVAL)]


def called_off(guest: Guest, session: Session, device: Pci, pulled: Pci) -> list[What]:
    """A session is closed, and a device is removed while its session is open."""
    closed = guest.create_session("called off")
    sample.preserve(closed, device, OTHER)
    closed.close()
    sample.preserve(session, pulled, OTHER)
    pulled.remove()
    names = ("preserve", "unpreserve")
    return [(name, function.bdf, None) for function in (device, pulled) for name in names]


def old_kernel(guest: Guest) -> list[Event]:
    """Whatever can happen to a device before the jump. Leaves `kept` and `lost` preserved."""
    kept, lost, device, pulled, refused = sample.bind(
        guest, "kept", "lost", "called-off", "pulled", "refused"
    )
    for name, fields in FIELDS.items():
        check.equal(f"fields of {name}", tracefs.fields(guest, name), fields)
    session, gone = guest.create_session(), guest.create_session("gone")
    tracefs.start(guest)
    sample.preserve(session, kept, KEPT)
    expected: list[What] = [("preserve", kept.bdf, None)]
    expected += refusals(session, kept, refused)
    expected += called_off(guest, gone, device, pulled)
    gone.close()
    sample.preserve(session, lost, LOST)
    expected.append(("preserve", lost.bdf, None))
    found = tracefs.events(guest)
    check.equal("events of the old kernel", whats(found), expected)
    return found


def new_kernel(guest: Guest, kept: str, lost: str) -> list[Event]:
    """Two functions and their ports arrive. One is finished, one is gone without it."""
    [device] = sample.bind(guest, kept)
    left = sorted(due(guest.pci(lost)))
    arrived = whats(tracefs.events(guest))
    expected: list[What] = [("arrive", bdf, None) for bdf in sorted([*due(device), *left])]
    check.equal("events until user space runs", sorted(arrived), expected)
    order = [bdf for _, bdf, _ in arrived]
    for path in (device.line, guest.pci(lost).line):
        bdfs = [function.bdf for function in path]
        check.equal("order of a path", sorted(bdfs, key=order.index), bdfs)

    session = guest.retrieve_session()
    session.retrieve(KEPT).close()
    guest.pci(lost).remove()
    session.finish()
    found = tracefs.events(guest)
    finish, *leftovers = whats(found[len(arrived) :])
    check.equal("the event of a driver", finish, ("finish", kept, None))
    check.equal("leftovers", sorted(leftovers), [("leftover", bdf, None) for bdf in left])
    return found


def story(vm: Vm) -> None:
    old = vm.boot()
    before = old_kernel(old)
    kept, lost = (old.pci(name).bdf for name in ("kept", "lost"))
    new = vm.live_update(tracefs.AT_BOOT)
    after = new_kernel(new, kept, lost)

    vm.step("both kernels on one timeline")
    for line in tracefs.timeline(new, before, after):
        vm.step(line)
    ticks = [event.ticks for event in (*before, *after)]
    check.equal("order in time", ticks, sorted(ticks))

    vm.step("events that are switched off tell nothing")
    tracefs.switch(new, False)
    session = new.create_session("again")
    sample.preserve(session, new.pci(kept), KEPT)
    session.close()
    check.equal("events", tracefs.events(new), after)
