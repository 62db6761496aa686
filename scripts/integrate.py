#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Integrate PCI Live Update into a kernel tree: the patches and the new files.

patches/7.3/files assigns the new files to patches. In a git tree, a branch with a
commit per patch is created. In a plain tree, files are changed in place; the
originals are kept in a state folder, so that the next run starts from them and
writes only what differs.
"""

import argparse
import fnmatch
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import twin

TOP = Path(__file__).resolve().parent.parent
PATCHES = TOP / "patches" / "7.3"
MANIFEST = PATCHES / "files"
BRANCH = "pci-liveupdate"
STATE = ".pci-liveupdate"

# The paths of the folders of this project in a kernel tree.
HOME = "drivers/pci/liveupdate"
PLACES = {
    "kernel": "",
    "Documentation": "Documentation",
    "abi": f"{HOME}/abi",
    "src": f"{HOME}/src",
    "tests/bench": f"{HOME}/tests/bench",
    "tests/kunit": f"{HOME}/tests/kunit",
    "Kbuild": f"{HOME}/Kbuild",
    "Kconfig": f"{HOME}/Kconfig",
}
# Only the host needs Cargo and the golden blobs.
NOT_FOR_THE_KERNEL = {"Cargo.toml", "Cargo.lock", "golden", "target", "__pycache__"}
LEFTOVERS = (".orig", ".rej", ".swp", "~")
# What drives the bench from outside of the machine.
DRIVERS = (".py", ".json")

Contents = dict[str, bytes]


class Refused(Exception):
    """The tree must not be written to. The text is the reason."""


def files_below(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
    elif root.is_dir():
        for entry in sorted(root.iterdir()):
            if entry.name not in NOT_FOR_THE_KERNEL and not entry.name.endswith(LEFTOVERS + DRIVERS):
                yield from files_below(entry)


def overlay() -> Contents:
    """Return the new files: path in the kernel tree to contents."""
    return {
        (Path(place) / path.relative_to(TOP / piece)).as_posix(): path.read_bytes()
        for piece, place in PLACES.items()
        for path in files_below(TOP / piece)
    }


@dataclass(frozen=True)
class Patch:
    """A patch of existing files, and its new files."""

    path: Path
    new: Contents

    def touched(self) -> set[str]:
        text = self.path.read_text()
        return set(re.findall(r"^(?:--- a|\+\+\+ b)/(\S+)", text, re.MULTILINE))


def claims() -> list[tuple[str, str]]:
    """Return the manifest: the number of a patch and a pattern of paths, per line."""
    lines = (line.split("#")[0].split() for line in MANIFEST.read_text().splitlines())
    return [(words[0], pattern) for words in lines if words for pattern in words[1:]]


def claimed(new: Contents) -> dict[str, Contents]:
    """Return the new files by the number of their patch. Each file has exactly one."""
    left = claims()
    for _, pattern in left:
        if not fnmatch.filter(new, pattern):
            raise Refused(f"{MANIFEST}: there is no {pattern}")
    by_number: dict[str, Contents] = {}
    for path, contents in new.items():
        numbers = [number for number, pattern in left if fnmatch.fnmatchcase(path, pattern)]
        if len(numbers) != 1:
            raise Refused(f"{MANIFEST}: {path} is claimed by {numbers or 'no patch'}")
        by_number.setdefault(numbers[0], {})[path] = contents
    return by_number


def series() -> list[Patch]:
    new = overlay()
    by_number = claimed(new)
    paths = {path.name.split("-")[0]: path for path in sorted(PATCHES.glob("*.patch"))}
    if len(paths) != len(list(PATCHES.glob("*.patch"))):
        raise Refused(f"{PATCHES}: two patches have the same number")
    for number in by_number.keys() - paths.keys():
        raise Refused(f"{MANIFEST}: there is no patch {number}")
    patches = [Patch(path, by_number.get(number, {})) for number, path in paths.items()]
    for patch in patches:
        for path in sorted(patch.touched() & new.keys()):
            raise Refused(f"{patch.path.name} changes {path}, which is a new file")
    return patches


def fingerprint(patches: list[Patch]) -> str:
    digest = hashlib.sha256()
    for patch in patches:
        digest.update(patch.path.read_bytes())
        for path, contents in sorted(patch.new.items()):
            digest.update(f"{path} {len(contents)}\n".encode() + contents)
    return digest.hexdigest()


# Plain trees


def digest_of(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def replace(path: Path, contents: bytes) -> None:
    """Replace a file, which may be a hard link into a pristine tree."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as new:
        new.write(contents)
        os.fchmod(new.fileno(), path.stat().st_mode & 0o777 if path.exists() else 0o644)
    os.rename(new.name, path)


def remove(path: Path, top: Path) -> None:
    """Remove a file, and the folders below `top` that become empty."""
    if not os.path.lexists(path):
        return
    path.unlink()
    for parent in path.parents:
        if parent == top or any(parent.iterdir()):
            break
        parent.rmdir()


class PlainTree:
    """A kernel tree without git.

    `written` contains the digests that a path written by us may have (None: no file).
    During an update these are the old and the new one, so that a run after an
    interrupted one recognizes its files.
    """

    def __init__(
        self, root: Path, how_many: int | None = None, without: str | None = None
    ) -> None:
        self.root = root
        self.patches = series()[:how_many]
        self.fuzz = 0
        if without:
            self.patches = [
                patch for patch in self.patches if not fnmatch.fnmatch(patch.path.name, without)
            ]
            # Some have lines of those that are left out around them.
            self.fuzz = 2
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

    def has_core_in_c(self) -> bool:
        menu = self.original(twin.MENU)
        return menu.is_file() and twin.has_core_in_c(menu.read_bytes())

    def new(self) -> Contents:
        new = {path: contents for patch in self.patches for path, contents in patch.new.items()}
        return twin.new_files(new) if self.has_core_in_c() else new

    def touched(self) -> set[str]:
        return set().union(*(patch.touched() for patch in self.patches))

    def wanted(self) -> Contents:
        """Return new and patched files. They are computed first, so a failure writes nothing."""
        new = self.new()
        for path, contents in new.items():
            there = self.original(path)
            if there.is_file() and there.read_bytes() != contents:
                raise Refused(f"{there} exists already and is another file")
        if not self.has_core_in_c():
            return new | patched(self.originals_of(self.touched()), self.patches, fuzz=self.fuzz)
        files = twin.set_aside(self.originals_of(self.touched() | {twin.HEADER}))
        return new | patched(files, self.patches, fuzz=self.fuzz, edit=twin.renamed)

    def originals_of(self, paths: set[str]) -> Contents:
        """Return those of the files that the tree has."""
        originals = {path: self.original(path) for path in paths}
        return {path: file.read_bytes() for path, file in originals.items() if file.is_file()}

    def write_record(self, written: dict[str, list[str | None]]) -> None:
        replace(self.record, json.dumps(written, indent=1, sort_keys=True).encode())

    def integrate(self) -> bool:
        self.refuse_if_dirty()
        return self.update(self.wanted())

    def reverse(self) -> bool:
        """Revert the series, and remove its files if that restores the original."""
        self.refuse_if_dirty()
        if not self.written:
            return False
        if digests_of(self.wanted()) != self.written:
            raise Refused(f"{self.root} has another series: integrate this one first")
        if not self.has_core_in_c():
            self.check_reverse()
        self.update({})
        shutil.rmtree(self.root / STATE)
        return True

    def check_reverse(self) -> None:
        """Refuse if the patches, taken out one after the other, do not restore the original."""
        now = {path: (self.root / path).read_bytes() for path in self.touched()}
        for path, contents in patched(now, self.patches[::-1], "--reverse").items():
            if contents != self.original(path).read_bytes():
                raise Refused(f"reverse-applying the series does not give the original {path}")

    def update(self, wanted: Contents) -> bool:
        """Write exactly these files over the originals. Return whether anything changed."""
        after = digests_of(wanted)
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
        """Restore a file as a copy, so that make sees that it is newer than its objects."""
        if self.original(path).is_file():
            replace(self.root / path, self.original(path).read_bytes())
        else:
            remove(self.root / path, self.root)


def digests_of(wanted: Contents) -> dict[str, list[str | None]]:
    return {path: [hashlib.sha256(contents).hexdigest()] for path, contents in wanted.items()}


def patched(
    files: Contents,
    patches: list[Patch],
    direction: str = "--forward",
    fuzz: int = 0,
    edit: Callable[[bytes], bytes] = bytes,
) -> Contents:
    """Return these files with the patches applied, each of which is edited first."""
    with tempfile.TemporaryDirectory() as name:
        aside = Path(name)
        for path, contents in files.items():
            replace(aside / path, contents)
        for patch in patches:
            apply(patch.path, aside, direction, fuzz, edit)
        return {path: (aside / path).read_bytes() for path in files}


def apply(
    patch: Path, root: Path, direction: str, fuzz: int, edit: Callable[[bytes], bytes]
) -> None:
    command = ["patch", "-p1", f"--fuzz={fuzz}", "--no-backup-if-mismatch", direction, "-s"]
    text = edit(patch.read_bytes())
    done = subprocess.run(
        [*command, "-d", str(root)], input=text, capture_output=True, check=False
    )
    if done.returncode:
        raise Refused(f"{patch.name} does not apply: {' '.join(done.stdout.decode().split())}")


# Git trees

# Scratch commits do not use the hooks and the signing key of the user.
PLAIN_GIT = ("-c", "core.hooksPath=/dev/null", "-c", "commit.gpgsign=false")


class GitTree:
    """A kernel tree under git. Its config records what the branch was created from."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.patches = series()

    def git(self, *args: str, may_fail: bool = False) -> str:
        command = ["git", "-C", str(self.root), *PLAIN_GIT, *args]
        done = subprocess.run(
            command, capture_output=True, text=True, env=with_identity(), check=False
        )
        if done.returncode and not may_fail:
            raise Refused(f"git {args[0]}: {(done.stderr or done.stdout).splitlines()[0]}")
        return done.stdout.strip()

    def integrate(self) -> bool:
        menu = self.root / twin.MENU
        if menu.is_file() and twin.has_core_in_c(menu.read_bytes()):
            raise Refused(f"{self.root} has a core in C: only a plain tree can have both")
        if self.git("status", "--porcelain"):
            raise Refused(f"{self.root} has changes that are not committed")
        head = self.git("rev-parse", "HEAD")
        on = self.git("symbolic-ref", "--short", "-q", "HEAD", may_fail=True) or head
        tip = self.git("rev-parse", "-q", "--verify", f"refs/heads/{BRANCH}", may_fail=True)
        recorded = self.git("config", f"branch.{BRANCH}.integrated", may_fail=True).split()
        base, known_tip, made_from = recorded if len(recorded) == 3 else ("", "", "")
        if tip != known_tip and tip:
            raise Refused(f"branch {BRANCH} has commits of others: rename it or remove it")
        if on == BRANCH and made_from == fingerprint(self.patches):
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
        for patch in self.patches:
            self.git("am", "-q", str(patch.path))
            if patch.new:
                self.add(patch.new)
        tip = self.git("rev-parse", "HEAD")
        made_from = fingerprint(self.patches)
        self.git("config", f"branch.{BRANCH}.integrated", f"{base} {tip} {made_from}")

    def add(self, new: Contents) -> None:
        """Add new files to the commit of their patch."""
        for path, contents in new.items():
            if (self.root / path).exists():
                raise Refused(f"{self.root / path} exists already")
            replace(self.root / path, contents)
        # The ignore rules of the kernel do not apply to these files.
        self.git("add", "-f", "--", *new)
        self.git("commit", "-q", "--no-verify", "--amend", "--no-edit")


def with_identity() -> dict[str, str]:
    """Return the identity of the user, or a neutral one for these scratch commits."""
    env = dict(os.environ)
    known = subprocess.run(["git", "config", "user.email"], capture_output=True, check=False)
    if known.returncode:
        for role in ("AUTHOR", "COMMITTER"):
            env.setdefault(f"GIT_{role}_NAME", BRANCH)
            env.setdefault(f"GIT_{role}_EMAIL", f"{BRANCH}@localhost")
    return env


# A private copy of the tree of the user


def sources(root: Path) -> list[str]:
    """Return the files of a kernel tree, without build results."""
    if (root / ".git").exists():
        command = ["git", "-C", str(root), "ls-files", "-z", "-co", "--exclude-standard"]
        listing = subprocess.run(command, capture_output=True, check=True).stdout.decode()
        return [path for path in listing.split("\0") if path and os.path.lexists(root / path)]
    found = []
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if name != STATE]
        # A link to a folder is listed as a folder, but not entered.
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
    """Integrate into a copy, since builds do not use the tree of the user."""
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


def run(root: Path, how_many: int | None, without: str | None, reverse: bool) -> bool:
    if not (root / ".git").exists():
        tree = PlainTree(root, how_many, without)
        return tree.reverse() if reverse else tree.integrate()
    if reverse:
        raise Refused(f"{root} is under git: remove the branch {BRANCH}")
    return GitTree(root).integrate()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path, help="the kernel tree to integrate into")
    parser.add_argument("--from", dest="source", type=Path, help="make tree a copy of this")
    parser.add_argument("--patches", type=int, help="only so many of them (plain tree)")
    parser.add_argument("--without", metavar="GLOB", help="leave these patches out (plain tree)")
    parser.add_argument("--reverse", action="store_true", help="take them out (plain tree)")
    args = parser.parse_args()
    root: Path = args.tree.resolve()
    try:
        if args.source:
            changed = integrate_copy(args.source.resolve(), root)
        elif not (root / "Kconfig").is_file():
            raise Refused(f"{root} is not a kernel tree")
        else:
            changed = run(root, args.patches, args.without, args.reverse)
    except Refused as refusal:
        print(f"error: integrate: {refusal}", file=sys.stderr)
        return 1
    done = "live update core removed" if args.reverse else "live update core integrated"
    print(f"{root}: {done if changed else 'nothing to do'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
