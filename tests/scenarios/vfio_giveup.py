# SPDX-License-Identifier: GPL-2.0
"""A device whose user does not come back is stopped before its memory is freed.

Each controller counts into a page of the session. When the session is finished in the new
kernel, those whose file was not retrieved, not bound, not given memory, or closed meanwhile are
stopped. The one that has a user goes on, and so does one whose user has closed the file, for as
long as the session has it.
"""

from errno import EINVAL

from vm import Guest, Machine, Pci, Vm, check, endpoint
from vm.heart import Heart
from vm.machine import ROOT
from vm.session import Session
from vm.vfio import DRIVER, NO_IOMMU, Vfio
from vm.vfio_heart import VfioHeart

LEFT, FILE, BOUND, CLOSED, USED = ("left", "file", "bound", "closed", "used")
NAMES = (LEFT, FILE, BOUND, CLOSED, USED)
STOPPED = (LEFT, FILE, BOUND, CLOSED)
MACHINE = Machine(
    devices=[endpoint(name, ROOT, "pci-ohci", f"{n:x}") for n, name in enumerate(NAMES, 4)],
    arguments=NO_IOMMU,
)


def token(name: str) -> int:
    """The token of a device; that of its memory is the next one."""
    return 2 * NAMES.index(name)


def preserved(vm: Vm, old: Guest) -> tuple[dict[str, str], dict[str, int]]:
    """Preserves all of them. Returns their addresses and those of their pages."""
    session = old.create_session()
    places, pages = {}, {}
    for name in NAMES:
        beat = VfioHeart.start(vm, old.pci(name))
        places[name], pages[name] = beat.function.bdf, beat.page
        beat.heart.beats(beat.page)
        # In the order in which memory is finished before its device.
        session.preserve(beat.device.file, token(name))
        session.preserve(beat.memory, token(name) + 1)
    return places, pages


def retrieved(vm: Vm, session: Session, functions: dict[str, Pci]) -> VfioHeart:
    """Takes over each of them as far as its name says. Returns the one that is used."""
    for function in functions.values():
        function.bind(DRIVER)
    session.retrieve(token(FILE))
    Vfio.retrieve(functions[BOUND], session, token(BOUND))
    closed, used = (
        VfioHeart.retrieve(vm, functions[name], session, token(name), token(name) + 1)
        for name in (CLOSED, USED)
    )
    closed.close()
    return used


def beating(vm: Vm, functions: dict[str, Pci], pages: dict[str, int], *names: str) -> None:
    """All of these count."""
    for name in names:
        Heart(vm, functions[name]).beats(pages[name])


def story(vm: Vm) -> None:
    old = vm.boot()
    places, pages = preserved(vm, old)
    new = vm.live_update()
    functions = {name: new.pci(place) for name, place in places.items()}
    beating(vm, functions, pages, *NAMES)

    vm.step("one is left alone, the others are retrieved as far as their names say")
    session = new.retrieve_session()
    used = retrieved(vm, session, functions)
    beating(vm, functions, pages, *NAMES)
    vm.step("the file that was closed can be retrieved again, as it was")
    again = session.retrieve(token(CLOSED))
    with check.refused(EINVAL):
        Vfio(functions[CLOSED], again)
    again.close()

    vm.step("the session is finished")
    mark = vm.trace.mark()
    session.finish()
    check.empty("incoming", new.incoming())
    masters = {name: function.bus_master for name, function in functions.items()}
    check.equal("Bus Master", masters, {name: name == USED for name in NAMES})
    writes = list(vm.trace.writes(functions[USED].bdf, since=mark))
    check.empty("writes to the one that is used", writes)
    beating(vm, functions, pages, USED)
    used.close()
    check.true("closed, it is off", not functions[USED].bus_master)
