#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Put the live update core into a kernel tree: new files, then the hook series.

A git tree gets a branch with one commit for the new files and one per hook. A
plain tree gets the same contents; what they replaced is kept in a state folder,
so that the next run starts from the original and writes only what differs.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
PATCHES = TOP / "patches" / "7.3"
BRANCH = "pci-liveupdate"
STATE = ".pci-liveupdate"
SUBJECT = "PCI: liveupdate: Add the PCI live update core"

# Where the pieces of this project live in a kernel tree.
HOME = "drivers/pci/liveupdate"
PLACES = {
    "kernel": "",
    "Documentation": "Documentation",
    "abi": f"{HOME}/abi",
    "src": f"{HOME}/src",
    "tests/kunit": f"{HOME}/tests/kunit",
    "Kbuild": f"{HOME}/Kbuild",
    "Kconfig": f"{HOME}/Kconfig",
}
# Cargo and the golden blobs are for the host; the kernel has Kbuild.
NOT_FOR_THE_KERNEL = {"Cargo.toml", "Cargo.lock", "golden", "target", "__pycache__"}
LEFTOVERS = (".orig", ".rej", ".swp", "~")

Contents = dict[str, bytes]


class Refused(Exception):
    """The tree is not one that may be written to; the text says why."""


def files_below(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
    elif root.is_dir():
        for entry in sorted(root.iterdir()):
            if entry.name not in NOT_FOR_THE_KERNEL and not entry.name.endswith(LEFTOVERS):
                yield from files_below(entry)


def overlay() -> Contents:
    """The new files: path in the kernel tree to contents."""
    return {
        (Path(place) / path.relative_to(TOP / piece)).as_posix(): path.read_bytes()
        for piece, place in PLACES.items()
        for path in files_below(TOP / piece)
    }


def patches() -> list[Path]:
    return sorted(PATCHES.glob("*.patch"))


def touched_by(patch: Path) -> set[str]:
    return set(re.findall(r"^(?:--- a|\+\+\+ b)/(\S+)", patch.read_text(), re.MULTILINE))


def fingerprint() -> str:
    digest = hashlib.sha256()
    for path, contents in sorted(overlay().items()):
        digest.update(f"{path} {len(contents)}\n".encode() + contents)
    for patch in patches():
        digest.update(patch.read_bytes())
    return digest.hexdigest()


# Plain trees


def digest_of(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def replace(path: Path, contents: bytes) -> None:
    """Never write in place: the file may be a hard link into a pristine tree."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as new:
        new.write(contents)
        os.fchmod(new.fileno(), path.stat().st_mode & 0o777 if path.exists() else 0o644)
    os.rename(new.name, path)


def remove(path: Path, top: Path) -> None:
    """Remove a file, and the folders below `top` that it leaves empty."""
    if not os.path.lexists(path):
        return
    path.unlink()
    for parent in path.parents:
        if parent == top or any(parent.iterdir()):
            break
        parent.rmdir()


class PlainTree:
    """A kernel tree without git.

    `written` says which digests a path that we wrote may have (None: no file).
    During an update these are the old and the new one, so that a run after an
    interrupted one knows its own files again.
    """

    def __init__(self, root: Path, how_many: int | None = None) -> None:
        self.root = root
        self.patches = patches()[:how_many]
        self.originals = root / STATE / "originals"
        self.record = root / STATE / "written.json"
        self.written: dict[str, list[str | None]] = {}
        if self.record.exists():
            self.written = json.loads(self.record.read_text())

    def original(self, path: str) -> Path:
        return (self.originals if path in self.written else self.root) / path

    def refuse_if_dirty(self) -> None:
        for path, digests in self.written.items():
            if digest_of(self.root / path) not in digests:
                raise Refused(f"{self.root / path} was changed after the integration")

    def wanted(self) -> Contents:
        """New and patched files, computed aside so that a failure writes nothing."""
        new = overlay()
        for path, contents in new.items():
            there = self.original(path)
            if there.is_file() and there.read_bytes() != contents:
                raise Refused(f"{there} exists already and is another file")
        touched = set().union(*map(touched_by, self.patches))
        with tempfile.TemporaryDirectory() as name:
            aside = Path(name)
            for path in touched:
                if path in new:
                    replace(aside / path, new[path])
                elif self.original(path).is_file():
                    replace(aside / path, self.original(path).read_bytes())
            for patch in self.patches:
                apply(patch, aside)
            patched = {p: (aside / p).read_bytes() for p in touched if (aside / p).is_file()}
        return new | patched

    def write_record(self, written: dict[str, list[str | None]]) -> None:
        replace(self.record, json.dumps(written, indent=1, sort_keys=True).encode())

    def integrate(self) -> bool:
        self.refuse_if_dirty()
        return self.update(self.wanted())

    def update(self, wanted: Contents) -> bool:
        """Have exactly these files on top of the originals; true if something changed."""
        after: dict[str, list[str | None]] = {
            path: [hashlib.sha256(contents).hexdigest()] for path, contents in wanted.items()
        }
        if after == self.written:
            return False
        for path in wanted.keys() - self.written.keys():
            if (self.root / path).is_file():
                replace(self.originals / path, (self.root / path).read_bytes())
        during = {
            path: [digest_of(self.root / path), *after.get(path, [digest_of(self.original(path))])]
            for path in after | self.written
        }
        self.write_record(during)
        for path in self.written.keys() - wanted.keys():
            self.restore(path)
        for path, contents in wanted.items():
            if digest_of(self.root / path) not in after[path]:
                replace(self.root / path, contents)
        self.write_record(after)
        for path in self.written.keys() - wanted.keys():
            remove(self.originals / path, self.originals)
        self.written = after
        return True

    def restore(self, path: str) -> None:
        """A new file, not the old link: make must see that it is younger than its objects."""
        if self.original(path).is_file():
            replace(self.root / path, self.original(path).read_bytes())
        else:
            remove(self.root / path, self.root)


def apply(patch: Path, root: Path) -> None:
    command = ["patch", "-p1", "--fuzz=0", "--forward", "-s", "-d", str(root), "-i", str(patch)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"{patch.name} does not apply: {' '.join(done.stdout.split())}")


# Git trees

# Neither the hooks nor the key of the user are for scratch commits.
PLAIN_GIT = ("-c", "core.hooksPath=/dev/null", "-c", "commit.gpgsign=false")


class GitTree:
    """A kernel tree under git. Its config remembers what the branch was made from."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *args: str, may_fail: bool = False) -> str:
        command = ["git", "-C", str(self.root), *PLAIN_GIT, *args]
        done = subprocess.run(
            command, capture_output=True, text=True, env=with_identity(), check=False
        )
        if done.returncode and not may_fail:
            raise Refused(f"git {args[0]}: {(done.stderr or done.stdout).splitlines()[0]}")
        return done.stdout.strip()

    def integrate(self) -> bool:
        if self.git("status", "--porcelain"):
            raise Refused(f"{self.root} has changes that are not committed")
        head = self.git("rev-parse", "HEAD")
        on = self.git("symbolic-ref", "--short", "-q", "HEAD", may_fail=True) or head
        tip = self.git("rev-parse", "-q", "--verify", f"refs/heads/{BRANCH}", may_fail=True)
        recorded = self.git("config", f"branch.{BRANCH}.integrated", may_fail=True).split()
        base, known_tip, made_from = recorded if len(recorded) == 3 else ("", "", "")
        if tip != known_tip and tip:
            raise Refused(f"branch {BRANCH} has commits of others: rename it or remove it")
        if on == BRANCH and made_from == fingerprint():
            return False
        try:
            self.make_branch(base if on == BRANCH else head)
        except Refused:
            self.git("am", "--abort", may_fail=True)
            self.git("checkout", "-q", "-f", head)
            if tip:
                self.git("branch", "-q", "-f", BRANCH, tip)
            else:
                self.git("branch", "-q", "-D", BRANCH, may_fail=True)
            self.git("checkout", "-q", on)
            raise
        return True

    def make_branch(self, base: str) -> None:
        self.git("checkout", "-q", "--no-track", "-B", BRANCH, base)
        new = overlay()
        for path in new:
            if (self.root / path).exists():
                raise Refused(f"{self.root / path} exists already")
        for path, contents in new.items():
            replace(self.root / path, contents)
        # The ignore rules of the kernel are not about these files.
        self.git("add", "-f", "--", *new)
        self.git("commit", "-q", "--no-verify", "-m", SUBJECT)
        if patches():
            self.git("am", "-q", *map(str, patches()))
        tip = self.git("rev-parse", "HEAD")
        self.git("config", f"branch.{BRANCH}.integrated", f"{base} {tip} {fingerprint()}")


def with_identity() -> dict[str, str]:
    """The user's name if git knows one, else a neutral one: commits here are scratch."""
    env = dict(os.environ)
    known = subprocess.run(["git", "config", "user.email"], capture_output=True, check=False)
    if known.returncode:
        for role in ("AUTHOR", "COMMITTER"):
            env.setdefault(f"GIT_{role}_NAME", BRANCH)
            env.setdefault(f"GIT_{role}_EMAIL", f"{BRANCH}@localhost")
    return env


# A private copy of the user's tree


def sources(root: Path) -> list[str]:
    """The files that make up a kernel tree, without what a build left in it."""
    if (root / ".git").exists():
        command = ["git", "-C", str(root), "ls-files", "-z", "-co", "--exclude-standard"]
        listing = subprocess.run(command, capture_output=True, check=True).stdout.decode()
        return [path for path in listing.split("\0") if path and os.path.lexists(root / path)]
    found = []
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if name != STATE]
        # A link to a folder is listed among the folders, but it is not walked.
        links = [name for name in below if os.path.islink(os.path.join(folder, name))]
        at = Path(folder).relative_to(root)
        found += [(at / name).as_posix() for name in names + links]
    return found


def same(a: Path, b: Path) -> bool:
    try:
        one, other = a.lstat(), b.lstat()
    except FileNotFoundError:
        return False
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def mirror(source: Path, tree: PlainTree) -> None:
    """Bring the originals below `tree` up to date with `source`."""
    wanted = sources(source)
    for path in wanted:
        copy = tree.original(path)
        if not same(source / path, copy):
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.unlink(missing_ok=True)
            shutil.copy2(source / path, copy, follow_symlinks=False)
    for path in set(sources(tree.root)) - set(wanted) - tree.written.keys():
        if not path.startswith(STATE):
            remove(tree.root / path, tree.root)
    for path in tree.written.keys() - set(wanted):
        remove(tree.originals / path, tree.originals)


def integrate_copy(source: Path, root: Path) -> bool:
    """What a build uses: never the user's tree itself."""
    if not (source / "Kconfig").is_file():
        raise Refused(f"{source} is not a kernel tree")
    tree = PlainTree(root)
    tree.refuse_if_dirty()
    if (source / HOME).exists():
        print(f"{source} has the live update core already: taken as it is")
        changed = tree.update({})
        mirror(source, tree)
        return changed
    mirror(source, tree)
    return tree.integrate()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path, help="the kernel tree to integrate into")
    parser.add_argument("--from", dest="source", type=Path, help="make tree a copy of this")
    parser.add_argument("--patches", type=int, help="only so many of them (plain tree)")
    args = parser.parse_args()
    root: Path = args.tree.resolve()
    try:
        if args.source:
            changed = integrate_copy(args.source.resolve(), root)
        elif not (root / "Kconfig").is_file():
            raise Refused(f"{root} is not a kernel tree")
        else:
            under_git = (root / ".git").exists()
            tree: GitTree | PlainTree
            tree = GitTree(root) if under_git else PlainTree(root, args.patches)
            changed = tree.integrate()
    except Refused as refusal:
        print(f"error: integrate: {refusal}", file=sys.stderr)
        return 1
    print(f"{root}: {'live update core integrated' if changed else 'nothing to do'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
