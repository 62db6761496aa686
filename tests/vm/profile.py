# SPDX-License-Identifier: GPL-2.0
"""What a kernel configuration needs from the machine, and its time limits."""

from dataclasses import dataclass, replace

from .errors import SetupError


@dataclass(frozen=True)
class Profile:
    """The profile of a CONFIG. Deadlines are ten times what an idle machine of two cores needs."""

    memory: int
    """In MiB."""
    scratch: str
    """kho_scratch=. The size that the kernel chooses is too small now and then."""
    boot: float
    """Seconds from the start, or from kexec, to the greeting of the agent."""
    request: float
    """Seconds for an answer."""
    arguments: str = ""
    no_leaks: str = ""
    """The profile of a kernel that is not scanned for leaks."""

    def within(self, patience: float) -> "Profile":
        """The same with no deadline later than this."""
        return replace(self, boot=min(self.boot, patience), request=min(self.request, patience))


# KMEMLEAK doubles the boot time, so only the kernel that is scanned for leaks enables it. KASAN
# finds what the SLUB checks find.
_DEBUG = Profile(
    memory=1024,
    scratch="64M,192M,64M",
    boot=400,
    request=120,
    arguments="slab_debug=-",
    no_leaks="kmemleak=off",
)

_BASE = Profile(memory=512, scratch="32M,96M,32M", boot=90, request=30)

PROFILES = {
    "base": _BASE,
    "module": _BASE,
    "bench-off": _BASE,
    "debug": _DEBUG,
    # An emulated CPU is slow, so an access is watched for longer than on a real one. Four that take
    # turns keep each other waiting.
    "race": replace(
        _DEBUG,
        arguments=f"{_DEBUG.arguments} kcsan.udelay_task=400 kcsan.skip_watch=2000"
        " rcupdate.rcu_cpu_stall_timeout=300",
    ),
    # Its initramfs looks for the root file system, which image.py makes. Scenarios look at BARs of
    # devices that have a driver.
    "distro": Profile(
        memory=2048,
        scratch="64M,256M,64M",
        boot=400,
        request=60,
        arguments="root=/dev/vda ro init=/init iomem=relaxed",
    ),
    # Counting instructions takes its time.
    "bench": Profile(memory=512, scratch="32M,96M,32M", boot=600, request=60),
}


def profile(config: str) -> Profile:
    """The profile of a CONFIG."""
    if config not in PROFILES:
        raise SetupError(f"no such CONFIG: {config} (there is {', '.join(PROFILES)})")
    return PROFILES[config]


def command_line(config: str, scratch: str, leaks: bool, *more: str) -> str:
    """The command line of a kernel. Later arguments win, so a scenario can override."""
    chosen = profile(config)
    words = [
        "console=ttyS0 panic=-1 oops=panic nokaslr",
        # On a busy host, virtual CPUs are not scheduled in time. Kernels must not
        # conclude that their timers are broken.
        "no_timer_check tsc=reliable",
        # The guest uses its own initramfs to boot the next kernel.
        "retain_initrd",
        f"kho=on liveupdate=on kho_scratch={scratch}",
        chosen.arguments,
        "" if leaks else chosen.no_leaks,
        *more,
    ]
    return " ".join(word for word in words if word)
