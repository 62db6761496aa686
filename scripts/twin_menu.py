#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Try all settings of the menu beside a core in C: Kconfig never allows both cores.

usage: twin_menu.py CONF, the program of the kernel's build
"""

import itertools
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import twin

NEEDED = ("PCI", "LIVEUPDATE", "64BIT", "RUST", "CARDBUS")
FEATURE, IN_C, IN_RUST = "PCI_LIVEUPDATE", "PCI_LIVEUPDATE_C", "PCI_LIVEUPDATE_RUST"
NAMES = (*NEEDED, FEATURE, IN_C, IN_RUST)


def menu() -> str:
    """Return the options that matter, with the feature as a core in C has it."""
    options = [f'config {name}\n\tbool "{name}"\n' for name in NEEDED]
    feature = f'config {FEATURE}\n\tbool "{FEATURE}"\n\tdepends on PCI && LIVEUPDATE\n'
    return "\n".join([*options, feature, (twin.TEMPLATES / "Kconfig").read_text()])


def chosen(conf: str, folder: Path, wanted: set[str]) -> set[str]:
    """Return what is on if these are asked for."""
    config = folder / ".config"
    lines = (f"CONFIG_{n}=y" if n in wanted else f"# CONFIG_{n} is not set" for n in NAMES)
    config.write_text("\n".join(lines) + "\n")
    # It writes headers as well, to the current directory.
    env = dict(os.environ, KCONFIG_CONFIG=str(config))
    command = [conf, "--olddefconfig", "Kconfig"]
    subprocess.run(command, cwd=folder, env=env, capture_output=True, check=True)
    return {line[7:-2] for line in config.read_text().splitlines() if line.endswith("=y")}


def problem(on: set[str]) -> str:
    """Tell what is wrong with a configuration."""
    providers = on & {IN_C, IN_RUST}
    if len(providers) != (FEATURE in on):
        return f"{len(providers)} providers"
    if IN_RUST in on and not ({"RUST", "64BIT"} <= on and "CARDBUS" not in on):
        return "the core in Rust without what it needs"
    return ""


def configurations(conf: str) -> Iterator[set[str]]:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "Kconfig").write_text(menu())
        for values in itertools.product((True, False), repeat=len(NAMES)):
            wanted = {name for name, value in zip(NAMES, values) if value}
            yield chosen(conf, Path(name), wanted)


def main() -> int:
    found: Counter[str] = Counter()
    for on in configurations(sys.argv[1]):
        if why := problem(on):
            print(f"not ok {why}: {', '.join(sorted(on))}")
            return 1
        found[", ".join(sorted(on & {IN_C, IN_RUST})) or "no core"] += 1
    if len(found) != 3:
        print(f"not ok only {dict(found)}")
        return 1
    print("ok", ", ".join(f"{name}: {count}" for name, count in found.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
