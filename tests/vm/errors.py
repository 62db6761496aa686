# SPDX-License-Identifier: GPL-2.0
"""The ways in which a scenario can fail."""


class Failure(Exception):
    """The scenario failed. The text is the diagnosis."""


class CheckFailed(Failure):
    """An assertion of the scenario failed."""


class GuestSilent(Failure):
    """The guest did not answer in time, and had that time."""


class HostStalled(Failure):
    """The host hardly ran the guest, so that nothing can be said of it."""


class GuestGone(Failure):
    """The machine ended, or the kernel was replaced, while the scenario still needed it."""


class HandoverLost(Failure):
    """The next kernel is running, but got no handover."""


class GuestError(OSError):
    """A system call in the guest failed. The errno is that of the guest."""

    def __init__(self, code: int, text: str, request: str) -> None:
        super().__init__(code, f"{text} ({request})")


class SetupError(Exception):
    """The scenario cannot be run: a kernel is not built, or a tool is missing."""
