# SPDX-License-Identifier: GPL-2.0
"""A preserved memfd stays where it is from before kexec until its session is finished.

The next kernel has a movable zone, in which everything may be moved. Neither reclaim, compaction
nor a mapping for a device moves the pages of the file, whether somebody holds it or not, and a
retrieve that fails does not free them. After finish they are pages like others.
"""

import struct
from collections.abc import Callable
from errno import EEXIST, ENOMEM

from vm import Fd, Guest, Machine, Session, Vm, check, endpoint, pages, root_port
from vm.iommufd import Ioas
from vm.pages import PAGE, Flags
from vm.vfio import DRIVER as VFIO
from vm.vfio import NO_IOMMU, Vfio

MACHINE = Machine(
    devices=[root_port("rp0", "4"), endpoint("ep0", "rp0")],
    arguments=f"{NO_IOMMU} brd.rd_size=65536",
    memory=1024,
)
# What the next kernel may move.
MOVABLE = "movablecore=700M"

TOKEN = 1
COUNT = 256
SIZE = COUNT * PAGE
IOVA = 0x100000
# The movable zone begins below this address.
IN_MOVABLE_ZONE = 352 << 20
STEP = 32 << 20
# Compaction moves pages up, into blocks of two of these of which one is free.
HALF_BLOCK = 1 << 20
BLOCKS = 8
# What was freed last is used first.
PRESSURE = 64 << 20

# struct memfd_luo_folio_ser: a page frame number of 52 bits and flags, and the index.
_FOLIO_SER = struct.Struct("<QQ")
_DIRTY_UPTODATE = 3 << 52


def mark(number: int) -> bytes:
    """The content of a page."""
    return f"page {number} of the memfd".encode()


def filled(guest: Guest, size: int) -> Fd:
    """A memfd of this size, all of it in memory."""
    file = guest.memfd("filled")
    pages.fill(file, size)
    return file


def leave_holes(guest: Guest, address: int) -> None:
    """Leaves memory above an address that compaction can move pages to."""
    above: list[Fd] = []
    below: list[Fd] = []
    while len(above) < 2 * BLOCKS:
        file = guest.memfd("half")
        pages.allocate(file, HALF_BLOCK)
        (above if pages.addresses(file, 0, PAGE)[0] > address else below).append(file)
    for file in (*above[::2], *below):
        file.close()


class Placed:
    """A preserved memfd in what is the movable zone of the next kernel.

    As much of the memory below as that takes is in use meanwhile, however much the kernel needs
    itself. It is preserved as well, so it cannot be in the scratch memory of KHO.
    """

    def __init__(self, guest: Guest) -> None:
        self._session = guest.create_session("below")
        self._below: list[Fd] = []
        while not self._preserved(guest):
            file = guest.memfd("below")
            pages.allocate(file, STEP)
            self._session.preserve(file, len(self._below))
            self._below.append(file)

    def _preserved(self, guest: Guest) -> bool:
        self.file, self.session = filled(guest, SIZE), guest.create_session()
        self.session.preserve(self.file, TOKEN)
        if min(pages.addresses(self.file)) >= IN_MOVABLE_ZONE:
            return True
        self.session.close()
        self.file.close()
        return False

    def free_below(self) -> None:
        """Frees the memory below."""
        self._session.close()
        for file in self._below:
            file.close()


class Memory:
    """The memfd, and where its pages are."""

    def __init__(self, vm: Vm, old: Guest) -> None:
        self._vm = vm
        placed = Placed(old)
        self.file, self.session = placed.file, placed.session
        for number in range(COUNT):
            self.file.write(number * PAGE, mark(number))
        self.pages = pages.addresses(self.file)
        self._next_to_it = filled(old, SIZE)
        leave_holes(old, max(self.pages))
        placed.free_below()

    def stays(self, file: Fd) -> None:
        """The file has the same pages as in the old kernel."""
        moved = [page for page, was in zip(pages.addresses(file), self.pages) if page != was]
        check.equal("pages that have moved", len(moved), 0)

    def stays_in_use(self) -> None:
        """So it has after whatever may move pages of the kernel that preserves it."""
        guest, other = self.file.guest, self._next_to_it
        pages.swap_on(guest)
        were = pages.addresses(other)
        pages.compact(guest)
        self.stays(self.file)
        check.true("a file next to it has moved", pages.addresses(other) != were)
        check.equal("KiB of the file that are swapped out", swaps(guest, self.file), 0)
        self.stays(self.file)
        check.true("another file is swapped out", swaps(guest, other) > 0)

    def untouched(self) -> None:
        """The pages have their content, wherever they belong now."""
        ram = self._vm.ram
        changed = [n for n, page in enumerate(self.pages) if ram.read(page, len(mark(n))) != mark(n)]
        check.equal("pages that were used for something else", len(changed), 0)

    def survives_pressure(self, guest: Guest) -> None:
        """So they have after the next kernel has used other memory."""
        other = guest.memfd("other")
        pages.fill(other, PRESSURE)
        self.untouched()
        other.close()

    def repeat_an_index(self) -> None:
        """Damages the handover: the second half of the file begins with a page of the first."""
        ram, first = self._vm.ram, COUNT // 2
        entries = b"".join(
            _FOLIO_SER.pack(self.pages[n] // PAGE | _DIRTY_UPTODATE, n)
            for n in (first, first + 1)
        )
        [entry] = ram.find(entries, _FOLIO_SER.size)
        ram.write(entry + 8, (0).to_bytes(8, "little"))


def evictable(guest: Guest, memory: Memory) -> int:
    """How many of the pages reclaim may look at."""
    found = pages.flags(guest, memory.pages)
    return sum(Flags.LRU in flags and Flags.UNEVICTABLE not in flags for flags in found)


def zone_movable(guest: Guest) -> int:
    """The physical address at which the movable zone begins."""
    zone = guest.text("/proc/zoneinfo").split("zone  Movable")[1]
    return int(zone.split("start_pfn:")[1].split()[0]) * PAGE


def swaps(guest: Guest, file: Fd) -> int:
    """How many KiB reclaim of a file adds to what is in swap."""
    before = pages.swapped(guest)
    pages.swap_out(file)
    return pages.swapped(guest) - before


def cannot_be_moved(guest: Guest, memory: Memory, file: Fd, ioas: Ioas) -> None:
    """Whatever moves pages leaves those of the file alone, and works on other files."""
    other = filled(guest, SIZE)
    check.equal("KiB of the file that are swapped out", swaps(guest, file), 0)
    memory.stays(file)
    check.true("another file is swapped out", swaps(guest, other) > 0)
    leave_holes(guest, max(memory.pages))
    pages.compact(guest)
    memory.stays(file)

    with check.refused(ENOMEM):
        ioas.map(file, 0, SIZE, IOVA)
    memory.stays(file)
    with check.refused(ENOMEM):
        ioas.map_file(file, 0, SIZE, IOVA)
    memory.stays(file)
    ioas.map_file(other, 0, SIZE, IOVA)
    ioas.unmap(IOVA, SIZE)
    other.close()


def bound(guest: Guest) -> Vfio:
    """A device that a process maps memory for."""
    function = guest.pci("ep0")
    function.bind(VFIO)
    return Vfio(function)


def is_free(guest: Guest, before: int) -> None:
    """The memory of the file is free, give or take what the kernel itself needed."""
    freed = pages.free(guest) - before
    check.true(f"the memory is free ({freed} pages)", freed > COUNT * 3 // 4)


def kept(vm: Vm) -> None:
    """The file is retrieved, given up, retrieved again and finished."""
    memory = Memory(vm, vm.boot())
    memory.stays_in_use()
    new = vm.live_update(MOVABLE)
    check.true("the pages are movable", min(memory.pages) >= zone_movable(new))
    pinned = pages.pins(new)
    ioas = bound(new).attach()
    pages.swap_on(new)

    session = new.retrieve_session()
    file = session.retrieve(TOKEN)
    check.equal("pinned pages", pages.pins(new) - pinned, COUNT)
    check.equal("evictable pages", evictable(new, memory), 0)
    cannot_be_moved(new, memory, file, ioas)

    vm.step("nobody but LUO holds the file")
    file.close()
    memory.survives_pressure(new)
    file = session.retrieve(TOKEN)
    memory.stays(file)

    vm.step("after finish they are pages like others")
    session.finish()
    check.equal("pinned pages", pages.pins(new) - pinned, 0)
    check.equal("evictable pages", evictable(new, memory), COUNT)
    memory.stays(file)
    leave_holes(new, max(memory.pages))
    pages.compact(new)
    check.true("the file has moved", pages.addresses(file) != memory.pages)
    check.true("the file is swapped out", swaps(new, file) > 0)
    ioas.map_file(file, 0, SIZE, IOVA)
    moved = pages.addresses(file)
    check.true("the pages have moved to be mapped", max(moved) < zone_movable(new))
    check.equal("where the device finds the first one", ioas.physical(IOVA), moved[0])
    ioas.unmap(IOVA, SIZE)
    check.equal("content", file.read(PAGE, len(mark(1))), mark(1))
    before = pages.free(new)
    file.close()
    is_free(new, before)


def mapped(vm: Vm) -> None:
    """Where nothing needs to move, the file can be mapped for a device before finish."""
    memory = Memory(vm, vm.boot())
    new = vm.live_update()
    pinned = pages.pins(new)
    device = bound(new)
    session = new.retrieve_session()
    file = session.retrieve(TOKEN)

    ioas = device.attach()
    ioas.map_file(file, 0, SIZE, IOVA)
    ioas.map(file, 0, SIZE, 2 * IOVA + SIZE)
    for at in (IOVA, 2 * IOVA + SIZE):
        found = [ioas.physical(at + n * PAGE) for n in range(COUNT)]
        check.equal("where the device finds the pages", found, memory.pages)

    vm.step("after finish, the device keeps them where they are")
    session.finish()
    memory.stays(file)
    device.close()
    check.equal("pinned pages", pages.pins(new) - pinned, 0)


def failed(vm: Vm) -> None:
    """A retrieve that fails in the middle of the file frees nothing."""
    memory = Memory(vm, vm.boot())
    new = vm.live_update(MOVABLE, at_jump=memory.repeat_an_index)
    pinned = pages.pins(new)
    session = new.retrieve_session()
    for _ in range(2):
        with check.refused(EEXIST):
            session.retrieve(TOKEN)
    check.equal("pinned pages", pages.pins(new) - pinned, COUNT)
    memory.survives_pressure(new)
    given_back(new, session, pinned)


def truncated(vm: Vm) -> None:
    """What is cut off a file stays pinned, and no pin is forgotten."""
    memory = Memory(vm, vm.boot())
    new = vm.live_update(MOVABLE)
    pinned = pages.pins(new)
    session = new.retrieve_session()
    file = session.retrieve(TOKEN)
    file.size = SIZE // 2
    file.size = SIZE
    memory.survives_pressure(new)
    fresh = pages.addresses(file, SIZE // 2)
    check.empty("old pages in the new half", set(fresh) & set(memory.pages))
    check.equal("pinned pages", pages.pins(new) - pinned, COUNT)
    file.close()
    given_back(new, session, pinned)


def unwanted(vm: Vm) -> None:
    """Nobody retrieves the file: its memory is free after finish, and not before."""
    memory = Memory(vm, vm.boot())
    new = vm.live_update(MOVABLE)
    pinned = pages.pins(new)
    session = new.retrieve_session()
    memory.survives_pressure(new)
    given_back(new, session, pinned)


def given_back(guest: Guest, session: Session, pinned: int) -> None:
    """Finish frees the memory."""
    before = pages.free(guest)
    session.finish()
    check.equal("pinned pages", pages.pins(guest) - pinned, 0)
    is_free(guest, before)


CASES: dict[str, Callable[[Vm], None]] = {
    "kept": kept,
    "mapped": mapped,
    "failed": failed,
    "truncated": truncated,
    "unwanted": unwanted,
}


def story(vm: Vm, case: Callable[[Vm], None]) -> None:
    case(vm)
