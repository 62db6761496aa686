# SPDX-License-Identifier: GPL-2.0
"""Paths. The two variables are those of the Makefile."""

import os
from pathlib import Path

from .errors import SetupError

TESTS = Path(__file__).resolve().parent.parent
AGENT = TESTS / "agent"
SCENARIOS = TESTS / "scenarios"

DISTRO = "distro"
"""The CONFIG of a distribution's kernel: an installed one, with its own initramfs."""


def cache() -> Path:
    """The cache folder of the project."""
    default = Path.home() / ".cache" / "pci-liveupdate"
    return Path(os.environ.get("CACHE") or default).resolve()


def build(config: str) -> Path:
    """The build directory of a kernel."""
    root = os.environ.get("PCI_LIVEUPDATE_BUILD")
    return (Path(root) if root else cache() / "build") / config


def existing(path: Path, hint: str) -> Path:
    """The path, or an error that says how to create it."""
    if not path.exists():
        raise SetupError(f"{path} is missing: {hint}")
    return path


def installed(name: str) -> Path:
    """A file that the distribution's kernel installed (scripts/distro.sh)."""
    work = Path(os.environ.get("DISTRO") or cache() / DISTRO)
    return existing(work / "boot" / name, "make distro")


def kernel_image(config: str) -> Path:
    """The bootable image of a kernel."""
    if config == DISTRO:
        return installed("vmlinuz")
    image = build(config) / "arch" / "x86" / "boot" / "bzImage"
    return existing(image, f"make kernel CONFIG={config}")


def program(config: str, name: str) -> Path:
    """A program that was built from the tree of a kernel."""
    if config == DISTRO:
        config = "base"
    return existing(build(config) / name, f"make programs CONFIG={config}")


def module(config: str, name: str) -> Path:
    """A module of a kernel."""
    return existing(build(config) / name, "make vm")


def system_map(config: str) -> Path:
    """The file with the symbols of a kernel."""
    return existing(build(config) / "System.map", f"make kernel CONFIG={config}")


def kernel_source(config: str) -> Path:
    """The tree that a kernel was built from."""
    return existing(build(config) / "source", f"make kernel CONFIG={config}").resolve()


def run_dir(config: str, name: str) -> Path:
    """What a scenario leaves: console, transcript, config trace."""
    return cache() / "vm" / config / name


def results() -> Path:
    """The directory from which `make test` sums up results."""
    return cache() / "results"
