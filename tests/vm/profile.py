# SPDX-License-Identifier: GPL-2.0
"""What a kernel configuration needs of the machine, and how long it may take."""

from dataclasses import dataclass, replace

from .errors import SetupError


@dataclass(frozen=True)
class Profile:
    """Of one CONFIG. Deadlines have a tenfold margin over an idle machine of two cores."""

    memory: int
    """In MiB."""
    scratch: str
    """kho_scratch=. Never left to the kernel: its own guess fails now and then."""
    boot: float
    """Seconds from the start, or from the jump, to the agent's hello."""
    request: float
    """Seconds for an answer."""
    arguments: str = ""
    no_leaks: str = ""
    """Of a kernel in which nobody looks for leaks."""

    def within(self, patience: float) -> "Profile":
        """The same with no deadline later than this."""
        return replace(self, boot=min(self.boot, patience), request=min(self.request, patience))


# KMEMLEAK doubles the boot time, so it is for the kernel in which leaks are looked for. What the
# SLUB checks find, KASAN finds.
_DEBUG = Profile(
    memory=1024,
    scratch="64M,192M,64M",
    boot=400,
    request=120,
    arguments="slab_debug=-",
    no_leaks="kmemleak=off",
)

PROFILES = {
    "base": Profile(memory=512, scratch="32M,96M,32M", boot=90, request=30),
    "debug": _DEBUG,
}


def profile(config: str) -> Profile:
    """The profile of a CONFIG."""
    if config not in PROFILES:
        raise SetupError(f"no such CONFIG: {config} (there is {', '.join(PROFILES)})")
    return PROFILES[config]


def command_line(config: str, scratch: str, leaks: bool, *more: str) -> str:
    """The command line of one kernel. What comes later wins, so a scenario can override."""
    chosen = profile(config)
    words = [
        "console=ttyS0 panic=-1 oops=panic nokaslr",
        # On a busy host time passes while a virtual CPU waits for its turn:
        # kernels must not conclude that their timers are broken.
        "no_timer_check tsc=reliable",
        # A guest's own initramfs is what it boots the next kernel with.
        "retain_initrd",
        f"kho=on liveupdate=on kho_scratch={scratch}",
        chosen.arguments,
        "" if leaks else chosen.no_leaks,
        *more,
    ]
    return " ".join(word for word in words if word)
