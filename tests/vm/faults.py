# SPDX-License-Identifier: GPL-2.0
"""Every allocation of an operation fails, one after the other.

    for trial in faults.each(vm, "opening a session"):
        trial.run(guest, guest.create_session)      # its first allocation fails, its second, ...
        ...                                         # what is left of it

This ends with the trial in which none failed, since there are no more. Then the same begins anew,
and from there on all allocations fail: many that fail alone are made in another way.

The kernel counts the allocations of the thread that makes the request, see
tests/agent/src/faults.rs.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from errno import ENOMEM, errorcode
from functools import partial
from typing import TypeVar

from . import check, handover
from .errors import CheckFailed, Failure, GuestError, SetupError
from .guest import Guest
from .liveupdate import Entry, counts
from .machine import Device, endpoint
from .session import Fd
from .splat import Expected
from .vm import Vm

T = TypeVar("T")

DEBUGFS = "/sys/kernel/debug"
# By default, only allocations fail that must not wait for memory. The first four are for those
# that fail after another one: of those threads alone that want it.
_SETTINGS = {
    "task-filter": "Y",
    "probability": "100",
    "interval": "1",
    "times": "-1",
    "ignore-gfp-wait": "N",
}
_MORE: dict[str, dict[str, str]] = {
    "failslab": {},
    "fail_page_alloc": {"ignore-gfp-highmem": "N", "min-order": "0"},
}
_TOKEN = 1
# No operation has as many.
_TOO_MANY = 1000
# What the allocators say of a failure by themselves.
SAID = [
    Expected(r"vmalloc error: size \d+,", None),
    Expected(r"SLUB: Unable to allocate memory on ", None),
    Expected(r"Call Trace:", None),
]
# What a kernel says of each if it was told to.
_FORCED = "FAULT_INJECTION: forcing a failure"

# ACPI methods that run out of memory damage the namespace of ACPI (a use after free).
ARGUMENTS = "acpi=noirq"
FUNCTIONS = 8


def slot(name: str, bus: str, addr: int, driver: str) -> list[Device]:
    """A device of as many functions as it can have: a trial may use one up."""
    return [
        endpoint(f"{name}{n}", bus, driver, f"{addr:x}.{n}", multifunction="on")
        for n in range(FUNCTIONS)
    ]


def enable(guest: Guest, verbose: bool = False) -> None:
    """Lets every allocation fail that is asked to."""
    for name, more in _MORE.items():
        if not guest.exists(f"{DEBUGFS}/{name}"):
            raise SetupError(f"this kernel has no fault injection ({name}): use CONFIG=debug")
        settings = {**_SETTINGS, **more, "verbose": str(int(verbose))}
        for setting, value in settings.items():
            guest.write(f"{DEBUGFS}/{name}/{setting}", value)


class Trial:
    """An operation with its Nth allocation failing, and maybe all after it."""

    def __init__(self, what: str, nth: int, rest: bool, errors: Collection[int]) -> None:
        self.nth = nth
        self._rest = rest
        self._errors = errors
        self.name = f"{what} without allocation {nth}{' and all after it' if rest else ''}"
        self.failed: bool | None = None
        """Whether it has as many, so that one failed; None: it is yet to be run."""
        self.code = 0
        """The errno, or 0 if it succeeded."""

    def run(self, guest: Guest, operation: Callable[[], T]) -> T | None:
        """Does it, which must be one request. Returns what it returned."""
        result = None
        code = 0
        try:
            with guest.fault(self.nth, self._rest):
                result = operation()
        except GuestError as err:
            code = err.errno or 0
        self.note(guest.fault_left == 0, code)
        return result

    def jump(self, vm: Vm) -> Guest | None:
        """Replaces the kernel. Returns the new one, or None if that is refused.

        The old one has to be verbose: it cannot be asked any more whether an allocation failed.
        """
        try:
            new = vm.jump(fault=self.nth)
        except OSError as err:
            self.note(True, err.errno or 0)
            return None
        self.note(any(_FORCED in line for line in vm.console.kernels()[-2]), 0)
        return new

    def note(self, failed: bool, code: int) -> None:
        """Says what came of it."""
        self.failed, self.code = failed, code
        if code and not failed:
            raise CheckFailed(f"{self.name}: none failed, and yet {errorcode.get(code, code)}")
        if code and code not in self._errors:
            raise CheckFailed(f"{self.name}: unexpected {errorcode.get(code, code)}")


def each(
    vm: Vm,
    what: str,
    errors: Collection[int] = (ENOMEM,),
    rests: Sequence[bool] = (False, True),
) -> Iterator[Trial]:
    """The trials of an operation. Tells at the end how many allocations it has.

    `rests` says whether all allocations after that of a trial succeed, or fail.
    """
    told = []
    found: Counter[int] = Counter()
    for rest in rests:
        codes: Counter[int] = Counter()
        yield from _trials(what, rest, errors, codes)
        told.append(_told(codes))
        found += codes
    vm.remark(f"{what}: {'; with all after it: '.join(told)}")
    refused = found.total() - found[0]
    vm.tried(
        "failnth",
        what,
        {"allocations failed": found.total(), "by name": refused, "made otherwise": found[0]},
    )


def _trials(
    what: str, rest: bool, errors: Collection[int], codes: Counter[int]
) -> Iterator[Trial]:
    for nth in range(1, _TOO_MANY):
        trial = Trial(what, nth, rest, errors)
        yield trial
        if trial.failed is None:
            raise CheckFailed(f"{trial.name}: was not tried")
        if not trial.failed:
            return
        codes[trial.code] += 1
    raise CheckFailed(f"{what}: has more than {_TOO_MANY} allocations")


def another(left: Iterator[T]) -> T:
    """One more of what a trial uses up."""
    for one in left:
        return one
    raise Failure("there are more trials than the machine has devices, or files, for them")


def _told(codes: Counter[int]) -> str:
    refused = codes.total() - codes[0]
    without = f", {codes[0]} it does without" if codes[0] else ""
    return f"{codes.total()} allocations failed, {refused} by name{without}"


@dataclass(frozen=True)
class Standing:
    """What is preserved, and what is left of what was."""

    pages: frozenset[handover.Page]
    """Of KHO."""
    sessions: dict[str, str]
    """Of LUO, in both directions."""
    functions: dict[str, dict[str, Entry]]
    """Of the PCI core, in both directions."""
    preserved: int
    """As the PCI core counts them."""

    @classmethod
    def of(cls, vm: Vm, guest: Guest, fdt: bytes | None = None) -> "Standing":
        """What it is. `fdt` is the device tree of KHO, if the kernel shows it."""
        stats = guest.stats()
        return cls(
            handover.preserved(vm.ram, fdt) if fdt else frozenset(),
            {way: guest.text(f"{DEBUGFS}/liveupdate/{way}") for way in ("outgoing", "incoming")},
            {"outgoing": guest.outgoing(), "incoming": guest.incoming()},
            stats["preserved"] - stats["unpreserved"],
        )

    def stays(self, trial: Trial, now: "Standing") -> None:
        """Fails unless nothing of it has changed."""
        for name, was in vars(self).items():
            check.equal(f"{trial.name}: {name}", getattr(now, name), was)


def preserve_each(
    vm: Vm, what: str, file: Fd, fdt: bytes, expected: dict[str, int], retry: bool = True
) -> None:
    """A file is preserved in a session of its own, after which those functions are outgoing.

    Without `retry`, it is not tried again what failed, which is what allocates for good.
    """
    guest = vm.guest
    before = Standing.of(vm, guest, fdt)
    for trial in each(vm, what):
        session = guest.create_session()
        with_session = Standing.of(vm, guest, fdt)
        trial.run(guest, partial(session.preserve, file, _TOKEN))
        if trial.code:
            with_session.stays(trial, Standing.of(vm, guest, fdt))
            if retry:
                session.preserve(file, _TOKEN)
        if retry or not trial.code:
            check.equal(trial.name, counts(guest.outgoing()), expected)
        session.close()
        before.stays(trial, Standing.of(vm, guest, fdt))
