# SPDX-License-Identifier: GPL-2.0
"""The same for a device that user space drives, and for its memory: every allocation fails.

A device that is preserved or taken over runs on through every failure, and the next try succeeds.
Memory of which a retrieve fails is not freed: LUO remembers that, so that it stays where it is.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from errno import EINVAL, ENOMEM, ENOSPC
from functools import partial

from vm import Expected, Fd, Guest, Machine, Pci, Session, Vm, check, endpoint, faults, pages
from vm.faults import Standing
from vm.liveupdate import counts, due
from vm.machine import ROOT
from vm.vfio import DRIVER, NO_IOMMU, Vfio, node
from vm.vfio_heart import VfioHeart

MODEL = "pci-ohci"
MANY = [it for addr in range(5, 9) for it in faults.slot(f"usb{addr}-", ROOT, addr, MODEL)]
ONE = [endpoint("usb", ROOT, MODEL, "4")]
CONFIGS = ["debug"]
EXPECTED = faults.SAID
ARGUMENTS = f"{NO_IOMMU} {faults.ARGUMENTS}"
MACHINE = Machine(devices=ONE, arguments=ARGUMENTS, leaks=1)
NEW = Machine(devices=MANY, arguments=ARGUMENTS, leaks=2)
DEVICE, AREA = 1, 2
# Of the memory.
FILES, SIZE = 60, 3 * pages.PAGE
PRESSURE = 64 << 20
# Without memory for an inode, there is no space; without a list of the pages, it is invalid.
LOST = (ENOMEM, ENOSPC, EINVAL)


def bound(vm: Vm) -> None:
    """A device is bound, opened, and bound to an iommufd."""
    old = vm.boot()
    faults.enable(old)
    function = old.pci("usb")
    function.set_attribute("driver_override", DRIVER)
    for trial in faults.each(vm, "bind of vfio-pci"):
        trial.run(old, partial(function.probe, DRIVER))
        check.equal(f"{trial.name}: it is bound", function.driver is not None, not trial.code)
        if function.driver:
            function.unbind()
    function.probe(DRIVER)
    for trial in faults.each(vm, "open"):
        file = trial.run(old, partial(old.open, node(function)))
        if file:
            file.close()
    for trial in faults.each(vm, "bind to an iommufd"):
        file, iommufd = old.open(node(function)), old.open("/dev/iommu")
        bind = partial(old.request, "vfio.bind", file.number, iommufd.number)
        trial.run(old, bind)
        if trial.code:
            bind()
        file.close()
        iommufd.close()


def preserved(vm: Vm) -> None:
    """A device is preserved, and unpreserved. It counts on."""
    old = vm.boot()
    faults.enable(old)
    fdt = old.kho_fdt()
    beat = VfioHeart.start(vm, old.pci("usb"))
    page, file = beat.page, beat.device.file
    old.create_session("first").close()
    before = Standing.of(vm, old, fdt)
    faults.preserve_each(vm, "preserve of a vfio device", file, fdt, due(beat.function))
    for trial in faults.each(vm, "unpreserve of a vfio device"):
        session = old.create_session()
        session.preserve(file, DEVICE)
        trial.run(old, session.close)
        check.equal(f"{trial.name}: errno", trial.code, 0)
        before.stays(trial, Standing.of(vm, old, fdt))
    beat.heart.beats(page)
    check.true("the controller was never refused", not beat.heart.tripped)


@dataclass
class Running:
    """A device of the previous kernel, and its session."""

    function: Pci
    session: Session

    def runs(self, what: str) -> None:
        """It is incoming, and nobody stopped it."""
        check.contains(f"{what}: incoming", self.function.guest.incoming(), self.function.bdf)
        check.true(f"{what}: {self.function} runs", self.function.bus_master)


def updated(vm: Vm) -> tuple[Guest, Iterator[Running]]:
    """Preserves devices, each in a session, for a new kernel that binds them."""
    old = vm.boot()
    functions = [old.pci(device.id) for device in MANY]
    for function in functions:
        function.bind(DRIVER)
        device = Vfio(function)
        device.start()
        old.create_session(function.bdf).preserve(device.file, DEVICE)
    new = vm.live_update()
    faults.enable(new)
    functions = [new.pci(function.bdf) for function in functions]
    for function in functions:
        function.bind(DRIVER)
    return new, (Running(item, new.retrieve_session(item.bdf)) for item in functions)


def retrieved(vm: Vm) -> None:
    """Files are retrieved, which can be tried again."""
    new, left = updated(vm)
    one = faults.another(left)
    for trial in faults.each(vm, "retrieve of a vfio device"):
        file = trial.run(new, partial(one.session.retrieve, DEVICE))
        one.runs(trial.name)
        if file:
            Vfio(one.function, file)
            one.runs(f"{trial.name}, and bound")
            one = faults.another(left)


def taken_over(vm: Vm) -> None:
    """Retrieved files are bound to an iommufd."""
    new, left = updated(vm)
    one = faults.another(left)
    file = one.session.retrieve(DEVICE)
    for trial in faults.each(vm, "bind of a running device to an iommufd"):
        iommufd = new.open("/dev/iommu")
        trial.run(new, partial(new.request, "vfio.bind", file.number, iommufd.number))
        one.runs(trial.name)
        if trial.code:
            iommufd.close()
        else:
            one = faults.another(left)
            file = one.session.retrieve(DEVICE)


def finished(vm: Vm) -> None:
    """Sessions are finished, which cannot fail for good."""
    new, left = updated(vm)
    for trial in faults.each(vm, "finish of a vfio device"):
        one = faults.another(left)
        device = Vfio(one.function, one.session.retrieve(DEVICE))
        ioas = device.attach()
        memory = new.memfd("memory")
        memory.size = pages.PAGE
        ioas.map_file(memory, 0, pages.PAGE, 0x100000)
        trial.run(new, one.session.finish)
        if trial.code:
            one.runs(trial.name)
            one.session.finish()
        check.true(f"{trial.name}: is finished", one.function.bdf not in new.incoming())
        check.true(f"{trial.name}: it runs", one.function.bus_master)


def mark(token: int) -> bytes:
    """What a file begins with."""
    return f"memory {token:04}".encode()


def marked(guest: Guest, token: int) -> Fd:
    """A new file that is all in memory."""
    file = guest.memfd("memory")
    pages.fill(file, SIZE)
    for at in range(0, SIZE, pages.PAGE):
        file.write(at, mark(token))
    return file


def check_content(what: str, file: Fd, token: int) -> None:
    """It is that file."""
    found = {file.read(at, len(mark(token))) for at in range(0, SIZE, pages.PAGE)}
    check.equal(what, found, {mark(token)})


@dataclass
class Kept:
    """A file in memory, and where it is."""

    token: int
    pages: list[int]

    def stays(self, vm: Vm) -> None:
        """Nobody has written to its pages."""
        found = {vm.ram.read(page, len(mark(self.token))) for page in self.pages}
        check.equal(f"memory {self.token}", found, {mark(self.token)})


def kept(guest: Guest, session: Session, token: int) -> Kept:
    """Preserves a file of that content."""
    file = marked(guest, token)
    session.preserve(file, token)
    return Kept(token, pages.addresses(file))


def memory_preserved(vm: Vm) -> None:
    """Memory is preserved, and unpreserved."""
    old = vm.boot()
    faults.enable(old)
    fdt = old.kho_fdt()
    old.create_session("first").close()
    faults.preserve_each(vm, "preserve of memory", marked(old, 0), fdt, due())


def memory_retrieved(vm: Vm) -> None:
    """Memory is retrieved. What fails in the middle stays pinned, and is not free."""
    old = vm.boot()
    session = old.create_session()
    files = [kept(old, session, token) for token in range(FILES)]
    new = vm.live_update()
    faults.enable(new)
    session = new.retrieve_session()
    lost: list[Kept] = []
    left = iter(files)
    for trial in faults.each(vm, "retrieve of memory", LOST):
        one = faults.another(left)
        file = trial.run(new, partial(session.retrieve, one.token))
        if file:
            check_content(trial.name, file, one.token)
            file.close()
        elif not remembered(session, one):
            lost.append(one)
    pages.fill(new.memfd("pressure"), PRESSURE)
    for one in files:
        one.stays(vm)
    check.equal("failures that memfd names", len(new.said("memfd_luo: ")), len(lost))
    vm.remark(f"{len(lost)} of the files are lost, and their pages are where they were")
    session.finish()


def remembered(session: Session, one: Kept) -> bool:
    """Whether the file can be retrieved after all."""
    try:
        file = session.retrieve(one.token)
    except OSError as err:
        check.contains("the next try", LOST, err.errno)
        return False
    check_content("the next try", file, one.token)
    file.close()
    return True


def jumped(vm: Vm) -> None:
    """The jump: it is refused, or goes on as if nothing had failed."""
    guest = vm.boot()
    beat = VfioHeart.start(vm, guest.pci("usb"))
    page = beat.page
    for trial in faults.each(vm, "jump with a vfio device", rests=[False]):
        faults.enable(guest, verbose=True)
        session = guest.create_session()
        beat.preserve(session, DEVICE, AREA)
        before = Standing.of(vm, guest)
        new = trial.jump(vm)
        if not new:
            before.stays(trial, Standing.of(vm, guest))
            session.close()
        else:
            guest, function = new, new.pci("usb")
            function.bind(DRIVER)
            session = new.retrieve_session()
            beat = VfioHeart.retrieve(vm, function, session, DEVICE, AREA)
            session.finish()
            session.close()
        beat.heart.beats(page)
    check.true("the controller was never refused", not beat.heart.tripped)


@dataclass(frozen=True)
class Case:
    """An operation, and the machine that it takes."""

    story: Callable[[Vm], None]
    machine: Machine = MACHINE
    expected: Sequence[Expected] = ()


# What memfd could not do has a name that is like those of LUO.
NAMED = [Expected(r"memfd_luo: failed to ", None)]

CASES = {
    "bind": Case(bound),
    "preserve": Case(preserved),
    "retrieve": Case(retrieved, NEW),
    # Without kmemleak, which has allocations of its own that are not needed.
    "take-over": Case(taken_over, Machine(devices=MANY, arguments=ARGUMENTS)),
    "finish": Case(finished, NEW),
    "memory": Case(memory_preserved, Machine(leaks=1)),
    "memory-retrieve": Case(memory_retrieved, Machine(leaks=2), NAMED),
    "jump": Case(jumped, Machine(devices=ONE, arguments=ARGUMENTS)),
}


def story(vm: Vm, case: Case) -> None:
    case.story(vm)
