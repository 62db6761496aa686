# SPDX-License-Identifier: GPL-2.0
"""Uses KVM where it works, and TCG elsewhere.

An accessible /dev/kvm is not sufficient: when nested in another hypervisor it may
refuse a register, or run a guest that hangs. Therefore a kernel is booted and
replaced by kexec once (probe.py), and the result is cached for this host.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from . import paths
from .errors import SetupError
from .qemu import BINARY

# Without five-level page tables: an unmodified 7.3 with KASAN crashes with them if an
# interrupt arrives while it identifies its boot processor.
TCG = ("-accel", "tcg", "-cpu", "max,la57=off")
KVM = ("-accel", "kvm", "-cpu", "host")


def _host() -> dict[str, str]:
    """What the choice depends on."""
    try:
        version = subprocess.run(
            [BINARY, "--version"], capture_output=True, text=True, check=True
        ).stdout.splitlines()[0]
    except OSError as err:
        raise SetupError(f"{BINARY} does not run: make setup") from err
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return {"qemu": version, "boot_id": boot_id}


def choose(probe: Callable[[tuple[str, ...]], bool]) -> tuple[str, ...]:
    """The arguments for QEMU. ACCEL=tcg or ACCEL=kvm overrides the probe."""
    wanted = os.environ.get("ACCEL")
    if wanted in ("tcg", "kvm"):
        return KVM if wanted == "kvm" else TCG
    if wanted:
        raise SetupError(f"ACCEL={wanted}: there is tcg and kvm")

    host = _host()
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return TCG
    kept = paths.cache() / "vm" / "kvm.json"
    try:
        answer = json.loads(kept.read_text(encoding="utf-8"))
        if answer["host"] == host:
            return KVM if answer["works"] else TCG
    except (OSError, ValueError, KeyError):
        pass
    works = probe(KVM)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({"host": host, "works": works}) + "\n", encoding="utf-8")
    return KVM if works else TCG
