# SPDX-License-Identifier: GPL-2.0
"""Every allocation of an operation fails, one after the other, and nothing is left half done.

The devices have the sample driver. Whatever fails says so (ENOMEM), and leaves everything as it
was: the memory that KHO preserves, the sessions of LUO, the devices of the PCI core. Then it
succeeds. Where LUO remembers the failure, the device is stopped, or nothing of it is freed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from errno import EIO, ENOMEM
from functools import partial

from vm import Guest, Machine, Pci, Session, Vm, check, faults, root_port, sample
from vm.faults import Standing, Trial
from vm.liveupdate import DEBUGFS, counts, due
from vm.machine import ROOT

MODEL = "edu"
DEVICES = [root_port("rp0", "4"), *faults.slot("ep", "rp0", 0, MODEL)]
CONFIGS = ["debug"]
EXPECTED = faults.SAID
MACHINE = Machine(devices=DEVICES, arguments=faults.ARGUMENTS, leaks=1)
# Of those operations that each need another device, as LUO remembers what came of the last one.
MANY = [*DEVICES, *(it for n in range(5, 12) for it in faults.slot(f"s{n}-", ROOT, n, MODEL))]
NAMES = [device.id for device in MANY if device.driver == MODEL]
# Of those that seldom do.
FEW = NAMES[: 4 * faults.FUNCTIONS]

OUTGOING = f"{DEBUGFS}/outgoing"
NO_MEMORY = b"no memory to list them\n"


def bound(vm: Vm) -> None:
    """A device is bound."""
    old = vm.boot()
    faults.enable(old)
    function = old.pci("ep0")
    function.set_attribute("driver_override", sample.DRIVER)
    for trial in faults.each(vm, "bind"):
        trial.run(old, partial(function.probe, sample.DRIVER))
        found = function.driver is not None, old.exists(sample.node(function))
        check.equal(f"{trial.name}: is bound, has a node", found, (not trial.code,) * 2)
        if function.driver:
            function.unbind()
    function.probe(sample.DRIVER)


@dataclass
class Old:
    """The old kernel, with devices that are bound and open."""

    vm: Vm
    guest: Guest
    functions: list[Pci]
    fdt: bytes

    @classmethod
    def boot(cls, vm: Vm, names: Sequence[str] = ("ep0", "ep1")) -> "Old":
        """Boots it."""
        guest = vm.boot()
        faults.enable(guest)
        fdt = guest.kho_fdt()
        # LUO keeps what it allocates for its first session.
        guest.create_session("first").close()
        return cls(vm, guest, sample.bind(guest, *names), fdt)

    @property
    def standing(self) -> Standing:
        """What is preserved."""
        return Standing.of(self.vm, self.guest, self.fdt)


def opened(vm: Vm) -> None:
    """A node is opened, and a session is created."""
    old = Old.boot(vm)
    before = old.standing
    for trial in faults.each(vm, "open"):
        file = trial.run(old.guest, partial(old.guest.open, sample.node(old.functions[0])))
        if file:
            file.close()
        before.stays(trial, old.standing)
    for trial in faults.each(vm, "creation of a session"):
        session = trial.run(old.guest, old.guest.create_session)
        if session:
            session.close()
        before.stays(trial, old.standing)


def preserved(vm: Vm) -> None:
    """Two devices are preserved, and read about."""
    old = Old.boot(vm)
    first, later = (old.guest.open(sample.node(function)) for function in old.functions)
    # What KHO allocates for good, it does once.
    what, expected = "preserve of the first device", due(old.functions[0])
    faults.preserve_each(vm, f"{what}, once", first, old.fdt, expected, retry=False)
    faults.preserve_each(vm, what, first, old.fdt, expected)

    session = old.guest.create_session("first")
    session.preserve(first, 1)
    expected = due(*old.functions)
    faults.preserve_each(vm, "preserve of a later device", later, old.fdt, expected)
    read(old, OUTGOING)
    session.close()


def read(old: Old, path: str) -> None:
    """The core is asked what is preserved."""
    before = old.standing
    text = old.guest.read(path)
    for trial in faults.each(old.vm, f"read of {path.rpartition('/')[2]}"):
        found = trial.run(old.guest, partial(old.guest.read_at, path, 0, len(text)))
        if not trial.code:
            check.contains(f"{trial.name}: what it says", (text, NO_MEMORY), found)
        before.stays(trial, old.standing)


def unpreserved(vm: Vm) -> None:
    """Sessions are closed, which cannot fail."""
    old = Old.boot(vm)
    before = old.standing
    for trial in faults.each(vm, "unpreserve"):
        session = old.guest.create_session()
        for token, function in enumerate(old.functions):
            sample.preserve(session, function, token)
        trial.run(old.guest, session.close)
        check.equal(f"{trial.name}: errno", trial.code, 0)
        before.stays(trial, old.standing)


def updated(vm: Vm, names: Sequence[str]) -> tuple[Guest, list[Pci]]:
    """Preserves devices, each in a session, for a new kernel that binds them."""
    old = Old.boot(vm, names)
    for function in old.functions:
        sample.preserve(old.guest.create_session(function.bdf), function, 1, b"content")
    new = vm.live_update()
    faults.enable(new)
    return new, sample.bind(new, *(function.bdf for function in old.functions))


def session_retrieved(vm: Vm) -> None:
    """The session of a device is retrieved."""
    new, functions = updated(vm, FEW)
    left = iter(functions)
    function = faults.another(left)
    # The first time that it is opened, sessions are read.
    with_sessions(new)
    before = Standing.of(vm, new)
    for trial in faults.each(vm, "retrieve of a session"):
        session = trial.run(new, partial(new.retrieve_session, function.bdf))
        if trial.code:
            before.stays(trial, Standing.of(vm, new))
        elif session:
            session.finish()
            function = faults.another(left)
            before = Standing.of(vm, new)


def with_sessions(guest: Guest) -> None:
    """Opens /dev/liveupdate."""
    guest.create_session("empty").close()


def retrieved(vm: Vm) -> None:
    """The file of a device is retrieved. The driver cannot do that again."""
    new, functions = updated(vm, NAMES)
    left = iter(functions)
    stopped: list[Pci] = []
    for trial in faults.each(vm, "retrieve of a file"):
        function = faults.another(left)
        session = new.retrieve_session(function.bdf)
        file = trial.run(new, partial(session.retrieve, 1))
        check.contains(f"{trial.name}: incoming", new.incoming(), function.bdf)
        if trial.code and is_remembered(new, trial, function, session):
            stopped.append(function)
        else:
            check.true(f"{trial.name}: it runs", function.bus_master)
        if file:
            check.equal(f"{trial.name}: content", file.read(0, 64), b"content")
        session.finish()
        # Which device it was about is lost with what could not be retrieved.
        incoming = function.bdf in new.incoming()
        check.equal(f"{trial.name}: still incoming", incoming, function in stopped)
    for function in left:
        new.retrieve_session(function.bdf).finish()
    check.empty("incoming", new.incoming())
    check.equal("never finished", new.stats()["never_finished"], len(due(*stopped)))
    vm.remark(f"{len(stopped)} of the files are lost, and their devices are stopped")


def is_remembered(new: Guest, trial: Trial, function: Pci, session: Session) -> bool:
    """Whether LUO remembers the failure: then the driver was asked, and has stopped the device."""
    try:
        session.retrieve(1)
    except OSError as err:
        check.equal(f"{trial.name}: the next try", err.errno, ENOMEM)
        check.true(f"{trial.name}: it is stopped", not function.bus_master)
        check.true(f"{trial.name}: is named", new.said(f"{function.bdf}: stopped"))
        return True
    return False


def finished(vm: Vm) -> None:
    """Sessions are finished, which cannot fail for good."""
    new, functions = updated(vm, FEW)
    sessions = [(function, new.retrieve_session(function.bdf)) for function in functions]
    for _, session in sessions:
        session.retrieve(1).close()
    left = iter(sessions)
    for trial in faults.each(vm, "finish"):
        function, session = faults.another(left)
        before = Standing.of(vm, new)
        trial.run(new, session.finish)
        if trial.code:
            before.stays(trial, Standing.of(vm, new))
            session.finish()
        check.true(f"{trial.name}: is finished", function.bdf not in new.incoming())
        check.true(f"{trial.name}: it runs", function.bus_master)
    for _, session in left:
        session.finish()
    check.empty("incoming", new.incoming())


def read_first(vm: Vm) -> None:
    """Sessions are read, the first time that /dev/liveupdate is opened. LUO never does it again."""
    old = Old.boot(vm)
    guest, functions = old.guest, old.functions
    for trial in faults.each(vm, "read of the sessions", (ENOMEM, EIO)):
        session = guest.create_session()
        for token, function in enumerate(functions):
            sample.preserve(session, function, token)
        guest = vm.live_update()
        faults.enable(guest)
        functions = sample.bind(guest, *(function.bdf for function in functions))
        device = trial.run(guest, partial(guest.open, "/dev/liveupdate"))
        check.equal(f"{trial.name}: devices", counts(guest.incoming()), due(*functions))
        check.true(f"{trial.name}: they run", all(function.bus_master for function in functions))
        if device:
            device.close()
        if not reads_again(guest):
            check.true(f"{trial.name}: none failed", trial.code)
            guest = vm.jump()
            functions = sample.bind(guest, *(function.bdf for function in functions))
        check.empty(f"{trial.name}: incoming", guest.incoming())


def reads_again(guest: Guest) -> bool:
    """Whether the sessions can be read after all. If LUO remembers the failure, it says so."""
    try:
        session = guest.retrieve_session()
    except OSError as err:
        check.equal("the next try", err.errno, EIO)
        check.true("the failure is named", guest.said("session [story]", worst=4))
        return False
    session.finish()
    session.close()
    return True


def jumped(vm: Vm) -> None:
    """The jump: it is refused, or goes on as if nothing had failed."""
    old = Old.boot(vm)
    guest, functions = old.guest, old.functions
    for trial in faults.each(vm, "jump", rests=[False]):
        faults.enable(guest, verbose=True)
        session = guest.create_session()
        for token, function in enumerate(functions):
            sample.preserve(session, function, token)
        memory = guest.memfd("memory")
        memory.write(0, b"content")
        session.preserve(memory, len(functions))
        before = Standing.of(vm, guest)
        new = trial.jump(vm)
        if not new:
            before.stays(trial, Standing.of(vm, guest))
            memory.close()
            session.close()
            continue
        guest, functions = new, sample.bind(new, *(function.bdf for function in functions))
        check.equal(f"{trial.name}: devices", counts(new.incoming()), due(*functions))
        session = new.retrieve_session()
        for token in range(len(functions)):
            session.retrieve(token).close()
        memory = session.retrieve(len(functions))
        check.equal(f"{trial.name}: memory", memory.read(0, 7), b"content")
        session.finish()
        session.close()
        memory.close()


@dataclass(frozen=True)
class Case:
    """An operation, and the machine that it takes."""

    story: Callable[[Vm], None]
    machine: Machine = MACHINE


NEW = Machine(devices=MANY, arguments=faults.ARGUMENTS, leaks=2)
UNTRACKED = Machine(devices=DEVICES, arguments=faults.ARGUMENTS)

CASES = {
    "bind": Case(bound),
    "open": Case(opened),
    "preserve": Case(preserved),
    "unpreserve": Case(unpreserved),
    "retrieve-session": Case(session_retrieved, NEW),
    "retrieve": Case(retrieved, NEW),
    "finish": Case(finished, NEW),
    "sessions": Case(read_first, UNTRACKED),
    "jump": Case(jumped, UNTRACKED),
}


def story(vm: Vm, case: Case) -> None:
    case.story(vm)
