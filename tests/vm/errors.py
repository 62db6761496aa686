# SPDX-License-Identifier: GPL-2.0
"""What can go wrong with a scenario, by whose fault it is."""


class Failure(Exception):
    """The scenario did not come out as it should. The text is the diagnosis."""


class CheckFailed(Failure):
    """An assertion of the story does not hold."""


class GuestSilent(Failure):
    """The guest did not answer in time."""


class GuestGone(Failure):
    """The machine ended, or the kernel was left, while the story still needed it."""


class HandoverLost(Failure):
    """The next kernel runs, but nothing was handed over to it."""


class GuestError(OSError):
    """A system call in the guest failed: the errno is the guest's, not the host's."""

    def __init__(self, code: int, text: str, request: str) -> None:
        super().__init__(code, f"{text} ({request})")


class SetupError(Exception):
    """The bench itself cannot work: a kernel is not built, a tool is missing."""
