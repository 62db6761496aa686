# SPDX-License-Identifier: GPL-2.0
"""Breaks abi/ and src/logic/ in each way that cargo-mutants knows: the host tests have to notice.

It mutates the files of a workspace and the modules below them, so the copy of the repository is a
workspace with the crate of the host tests. The tests are linked into one program there, which takes
a fraction of the time.

A mutant that survives has to be in `equivalent.txt`, with the reason why no test can notice it:

    src/logic/path.rs: replace + with - in path
        Reason.
"""

import json
import os
import re
import resource
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vm import paths
from vm.errors import SetupError
from vm.left import leave
from vm.runner import Result

HERE = Path(__file__).resolve().parent
FOLDERS = ("abi", "src/logic")
CRATE = Path("tests", "host")
SLOW = "orders::"
# What the compiler needs is a part of it.
MEMORY = 8 << 30

# Without debug information, and optimized as far as that pays off.
WORKSPACE = """
[workspace]
members = ["tests/host"]
resolver = "2"

[profile.mutants]
inherits = "test"
opt-level = 1
debug = 0
"""

ONE_PROGRAM = """
[[test]]
name = "all"
"""


def is_host(name: str) -> bool:
    """Whether a name is one of these: all of them, or those in a file."""
    return name == "host" or name.startswith(tuple(f"{folder}/" for folder in FOLDERS))


def files(top: Path, names: Sequence[str]) -> list[str]:
    """The files to mutate."""
    there = [path for folder in FOLDERS for path in (top / folder).glob("*.rs")]
    known = [str(path.relative_to(top)) for path in there]
    unknown = set(names) - set(known) - {"host"}
    if unknown:
        raise SetupError(f"no file {', '.join(sorted(unknown))}")
    return sorted(known if "host" in names else names)


def make_workspace(copy: Path) -> None:
    """Makes a workspace of the copy, with one program for all tests."""
    crate = copy / CRATE
    (copy / "Cargo.toml").write_text(WORKSPACE, encoding="utf-8")
    (crate / "Cargo.lock").rename(copy / "Cargo.lock")

    manifest = (crate / "Cargo.toml").read_text(encoding="utf-8")
    manifest = manifest.replace("[package]\n", "[package]\nautotests = false\n", 1)
    (crate / "Cargo.toml").write_text(manifest + ONE_PROGRAM, encoding="utf-8")

    tests = sorted(path.stem for path in (crate / "tests").glob("*.rs"))
    modules = "".join(f'#[path = "{name}.rs"]\nmod {name};\n' for name in tests)
    text = f"//! All host tests.\n{modules}"
    (crate / "tests" / "all.rs").write_text(text, encoding="utf-8")

    # What was built last may be a mutant, which is newer than the files that were copied.
    for path in copy.rglob("*.rs"):
        path.touch()


@dataclass
class Found:
    """What became of the mutants of a file."""

    counts: Counter[str] = field(default_factory=Counter)
    survivors: list[str] = field(default_factory=list)


def outcomes(document: dict[str, Any]) -> dict[str, Found]:
    """The mutants by file."""
    found: dict[str, Found] = {}
    for outcome in document["outcomes"]:
        if outcome["scenario"] == "Baseline":
            if outcome["summary"] != "Success":
                raise SetupError("the host tests fail without a mutant")
            continue
        # FILE:LINE:COLUMN: WHAT, with the path as the modules lead to it.
        match = re.fullmatch(r"(.*?):\d+:\d+: (.*)", outcome["scenario"]["Mutant"]["name"])
        if not match:
            raise SetupError(f"cargo-mutants names a mutant {outcome['scenario']}")
        file = found.setdefault(os.path.normpath(match[1]), Found())
        file.counts[outcome["summary"]] += 1
        if outcome["summary"] == "MissedMutant":
            file.survivors.append(match[2])
    return found


def equivalent(text: str) -> Iterator[tuple[str, str]]:
    """The files and mutants that are listed."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    for line, reason in zip(lines, [*lines[1:], ""]):
        if line.startswith("\t"):
            continue
        if not reason.startswith("\t"):
            raise SetupError(f"equivalent.txt: no reason for {line}")
        file, _, what = line.partition(": ")
        yield file, what


def judge(
    found: dict[str, Found], names: Sequence[str], listed: Counter[tuple[str, str]]
) -> list[Result]:
    """A result for each file. Some have no mutants."""
    results = []
    for name in names:
        file = found.get(name, Found())
        here = Counter({what: count for (there, what), count in listed.items() if there == name})
        survivors = Counter(file.survivors)
        result = Result(f"{name}: {told(file.counts)}")
        result.problems += [f"survived: {what}" for what in (survivors - here).elements()]
        result.problems += [f"does not survive: {what}" for what in (here - survivors).elements()]
        results.append(result)
    return results


def kinds(counts: Counter[str]) -> dict[str, int]:
    """How many mutants there were, and what became of them."""
    return {
        "mutants": counts.total(),
        "caught": counts["CaughtMutant"] + counts["Timeout"],
        "survived": counts["MissedMutant"],
        "not built": counts["Unviable"],
    }


def told(counts: Counter[str]) -> str:
    """The same in words."""
    return ", ".join(f"{count} {kind}" for kind, count in kinds(counts).items())


def out_folder() -> Path:
    """What cargo-mutants says, and its log."""
    folder = paths.cache() / "mutants-out"
    folder.mkdir(exist_ok=True)
    return folder


def limit_memory() -> None:
    """A mutant may ask for memory without end."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def cargo_mutants(copy: Path, names: Sequence[str], *options: str) -> dict[str, Any]:
    """Mutates files of the copy, one line at a time."""
    out = out_folder()
    command = [
        "cargo", "mutants", "--in-place", "--dir", str(copy), "--output", str(out),
        "--no-config", "--profile", "mutants", "--cargo-arg=--locked", "--cargo-arg=--test=all",
        "--minimum-test-timeout", "300", "--colors", "never", "--no-times",
    ]  # fmt: skip
    for name in names:
        command += ["--file", f"**/../{name}"]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(paths.cache() / "cargo-mutants")}
    with (out / "log").open("ab") as log:
        done = subprocess.run(
            [*command, *options],
            stdout=log, stderr=log, env=environment, check=False, preexec_fn=limit_memory,
        )  # fmt: skip
    # 2: some survived, 3: some ran for ever.
    if done.returncode not in (0, 2, 3):
        raise SetupError(f"cargo mutants failed, see {out}/log")
    outcomes_file = out / "mutants.out" / "outcomes.json"
    if not outcomes_file.exists():
        # There is nothing in these files that could be changed.
        return {"outcomes": []}
    document: dict[str, Any] = json.loads(outcomes_file.read_text(encoding="utf-8"))
    return document


def is_open(outcome: dict[str, Any]) -> bool:
    """Whether more tests may notice a mutant."""
    return outcome["summary"] in ("MissedMutant", "Timeout")


def run(copy: Path, names: Sequence[str]) -> list[Result]:
    """All tests run for what survives the others: those of every order take longest."""
    make_workspace(copy)
    (out_folder() / "log").unlink(missing_ok=True)
    document = cargo_mutants(copy, names, "--", "--", "--skip", SLOW)
    if any(is_open(outcome) for outcome in document["outcomes"]):
        last = cargo_mutants(copy, names, "--iterate")["outcomes"]
        document["outcomes"] = [it for it in document["outcomes"] if not is_open(it)] + last
    listed = equivalent((HERE / "equivalent.txt").read_text(encoding="utf-8"))
    found = outcomes(document)
    results = judge(found, names, Counter(listed))
    for name, result in zip(names, results):
        if result.passed:
            leave("mutants-host", name, kinds(found.get(name, Found()).counts))
    return results
