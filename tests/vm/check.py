# SPDX-License-Identifier: GPL-2.0
"""Assertions that report what was found."""

from collections.abc import Iterator
from contextlib import contextmanager
from errno import errorcode
from typing import TypeVar

from .errors import CheckFailed, GuestError

T = TypeVar("T")


def _shown(value: object) -> str:
    # Registers and addresses are easier to read in hexadecimal.
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 9:
        return f"{value} ({value:#x})"
    return repr(value)


def equal(what: str, got: T, want: T) -> None:
    """Fails unless `what` has the expected value."""
    if got != want:
        raise CheckFailed(f"{what}: expected {_shown(want)}, found {_shown(got)}")


def true(what: str, condition: object) -> None:
    """Fails unless `what` is true."""
    if not condition:
        raise CheckFailed(f"not so: {what}")


def contains(what: str, container: object, item: object) -> None:
    """Fails unless `item` is in `container`."""
    if item not in container:  # type: ignore[operator]
        raise CheckFailed(f"{what}: {_shown(item)} is not in {container!r}")


def empty(what: str, container: object) -> None:
    """Fails unless the container is empty."""
    if container:
        raise CheckFailed(f"{what}: expected none, found {container!r}")


@contextmanager
def refused(*codes: int) -> Iterator[None]:
    """Fails unless the kernel refuses what is done in this block, with one of these errors."""
    names = " or ".join(errorcode[code] for code in codes)
    try:
        yield
    except GuestError as err:
        if err.errno not in codes:
            name = errorcode.get(err.errno or 0, str(err.errno))
            raise CheckFailed(f"expected {names}, found {name}: {err}") from err
        return
    raise CheckFailed(f"expected {names}, but it worked")
