# SPDX-License-Identifier: GPL-2.0
"""Bytes of the core's objects, and of a kernel with the feature on minus off."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from vm import paths
from vm.errors import SetupError

ON, OFF = "bench-on", "bench-off"
KINDS = ("text", "data", "bss")
# What size(1) has as data: the linker lets .rodata be writable, and in it are the names and
# addresses of all functions.
_SECTIONS = {"rodata": ".rodata"}
_NAMES = "kallsyms_"
_CORE = "drivers/pci/liveupdate"


def _size(files: Sequence[Path]) -> dict[str, int]:
    """The sums that size(1) prints for files."""
    done = subprocess.run(
        ["llvm-size-19", "--format=berkeley", *map(str, files)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SetupError(f"llvm-size-19: {done.stderr.strip()}")
    rows = [line.split()[:3] for line in done.stdout.splitlines()[1:]]
    return {kind: sum(int(row[i]) for row in rows) for i, kind in enumerate(KINDS)}


def _objects() -> list[Path]:
    """What the core is linked from."""
    root = paths.build(ON)
    archive = paths.existing(root / _CORE / "built-in.a", f"make kernel CONFIG={ON}")
    done = subprocess.run(
        ["llvm-ar-19", "t", str(archive)], capture_output=True, text=True, check=True, cwd=root
    )
    found = [root / _CORE / line for line in done.stdout.split()]
    return [path if path.exists() else root / path.relative_to(root / _CORE) for path in found]


def _sections(file: Path) -> dict[str, int]:
    """The size of each section."""
    done = subprocess.run(
        ["llvm-size-19", "--format=sysv", str(file)], capture_output=True, text=True, check=True
    )
    rows = (line.split() for line in done.stdout.splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 3 and row[1].isdigit()}


def _names(system_map: Path) -> int:
    """What the kernel knows of its own symbols."""
    rows = [line.split() for line in system_map.read_text(encoding="ascii").splitlines()]
    return sum(
        int(after[0], 16) - int(row[0], 16)
        for row, after in zip(rows, rows[1:])
        if row[2].startswith(_NAMES) and row[1] in "rRdD"
    )


def _kernel(config: str) -> dict[str, int]:
    """Of a whole kernel."""
    file = paths.existing(paths.build(config) / "vmlinux", f"make kernel CONFIG={config}")
    sections = _sections(file)
    found = _size([file]) | {kind: sections[name] for kind, name in _SECTIONS.items()}
    return found | {"kallsyms": _names(paths.system_map(config))}


def measure() -> dict[str, int]:
    """By name."""
    core = _size(_objects())
    with_it, without = _kernel(ON), _kernel(OFF)
    found = {f"core-{kind}": core[kind] for kind in KINDS}
    return found | {f"vmlinux-{kind}": size - without[kind] for kind, size in with_it.items()}
