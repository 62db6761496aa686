# SPDX-License-Identifier: GPL-2.0
"""What a guest boots: the agent as init, and the kernels for kexec."""

import hashlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path

from . import paths
from .cpio import Archive
from .errors import SetupError

_lock = threading.Lock()


def build_agent() -> Path:
    """Builds the agent."""
    target = paths.cache() / "agent"
    command = ["cargo", "build", "--quiet", "--release", "--locked", "--target-dir", str(target)]
    # In its directory, where cargo finds .cargo/config.toml.
    done = subprocess.run(command, cwd=paths.AGENT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"the guest agent does not build:\n{done.stderr.strip()}")
    return target / "release" / "guest-agent"


def kernel_path(config: str) -> str:
    """The path of a kernel in the guest."""
    return f"/kernel.{config}"


def _archive(agent: Path, files: Iterable[Path], kernels: Iterable[str]) -> bytes:
    archive = Archive()
    archive.directory("dev")
    archive.character("dev/console", 5, 1)
    archive.file("init", agent.read_bytes(), 0o755)
    for file in files:
        archive.file(file.name, file.read_bytes(), 0o755)
    for config in kernels:
        archive.file(kernel_path(config).lstrip("/"), paths.kernel_image(config).read_bytes())
    return archive.close()


def initramfs(kernels: Iterable[str], files: Iterable[Path] = ()) -> Path:
    """The initramfs with these kernels and files, written again when its contents changed."""
    names = sorted(set(kernels))
    files = list(files)
    label = "-".join([*names, *(file.name for file in files)])
    if len(label) > 200:
        # The name of a file has 255 bytes.
        label = f"{label[:180]}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"
    path = paths.cache() / "vm" / f"initramfs-{label}.cpio"
    with _lock:
        content = _archive(build_agent(), files, names)
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_suffix(f".{os.getpid()}")
            fresh.write_bytes(content)
            # Renamed, because machines may still be reading the old one.
            fresh.rename(path)
    return path


def root_disk(archive: Path, directory: Path) -> Path:
    """A root file system from an initramfs, for a kernel that has one of its own."""
    root, disk = directory / "root", directory / "root.img"
    shutil.rmtree(root, ignore_errors=True)
    for name in ("proc", "sys", "run", "tmp"):
        (root / name).mkdir(parents=True)
    disk.unlink(missing_ok=True)
    # The initramfs of the kernel brings /dev. A quarter more than the files is for the file
    # system, and what it takes at least.
    script = (
        'cpio --quiet --extract --make-directories --nonmatching dev/console <"$1"'
        ' && mke2fs -q -t ext4 -d . -E root_owner=0:0 "$2" "$3"'
    )
    size = f"{(archive.stat().st_size * 5 // 4 >> 10) + (16 << 10)}k"
    command = ["sh", "-c", script, "sh", str(archive), str(disk), size]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"no root file system: {done.stderr.strip()}")
    shutil.rmtree(root)
    return disk


def arguments(
    config: str, directory: Path, kernels: Iterable[str], files: Iterable[Path]
) -> list[str]:
    """The arguments for QEMU: a kernel, and where the agent is."""
    archive = initramfs(kernels, files)
    kernel = ["-kernel", str(paths.kernel_image(config)), "-initrd"]
    if config != paths.DISTRO:
        return [*kernel, str(archive)]
    return [
        *kernel, str(paths.installed("initrd.img")),
        "-drive", f"if=none,id=root,file={root_disk(archive, directory)},format=raw",
        "-device", "virtio-blk-pci,drive=root,addr=1d",
    ]  # fmt: skip
