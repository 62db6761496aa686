#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Breaks the core on purpose, once for each mutant, and sees that a test notices.

A mutant changes one line of a copy of the repository. Those listed here are in what only
a kernel runs: the kernel is built from the copy, and the named test has to fail. A mutant
that does not apply or does not build is an error, as is one that survives. Those of the
logic are made by cargo-mutants for the host tests, see host.py.

usage: mutants.py [NAME...]

A name is that of a mutant, a file of abi/ or src/logic/, or `host` for all of them.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# pylint: disable=wrong-import-position
from vm import cli, paths, report  # noqa: E402
from vm.errors import SetupError  # noqa: E402
from vm.left import leave  # noqa: E402
from vm.runner import Result  # noqa: E402

from mutants import host  # noqa: E402

TOP = Path(__file__).resolve().parents[2]
CONFIG = "base"


def kunit(suite: str) -> tuple[str, ...]:
    """A KUnit suite of the core."""
    return ("kunit", "--config", CONFIG, "--filter", f"pci_liveupdate_{suite}")


def vm(scenario: str) -> tuple[str, ...]:
    """A scenario."""
    return ("run", "--config", CONFIG, scenario)


@dataclass(frozen=True)
class Mutant:
    """A change, and the test that has to fail with it."""

    name: str
    file: str
    before: str
    after: str
    test: tuple[str, ...]


def hook(name: str, patch: str, before: str, after: str, test: tuple[str, ...]) -> Mutant:
    """A mutant in a line that a patch adds, which stays one line."""
    [found] = (TOP / "patches" / "7.3").glob(f"{patch}-*.patch")
    return Mutant(name, str(found.relative_to(TOP)), f"\n+{before}", f"\n+{after}", test)


FALSE = "core::hint::black_box(false)"
TRUE = "core::hint::black_box(true)"

MUTANTS = [
    Mutant("bridges-count-twice", "src/logic/outgoing.rs", "refcount.checked_add(1)",
           "refcount.checked_add(2)", kunit("counts")),
    Mutant("finish-takes-two", "src/logic/incoming.rs", "entry.refcount.checked_sub(1)",
           "entry.refcount.checked_sub(2)", kunit("counts")),
    Mutant("no-slot-on-arrival", "src/logic/incoming.rs", "function.set_incoming(slot);",
           "let _ = slot;", kunit("arrivals")),
    Mutant("anything-is-eligible", "src/outgoing.rs",
           "eligible(&dev.facts()).map_err(NoPreserve::Ineligible)?;\n\n        // Anew",
           "let _ = eligible(&dev.facts());\n\n        // Anew", kunit("facts")),
    Mutant("key-loses-bits", "src/xindex.rs", "key.index() as usize",
           "(key.index() & 0xffff_ffff) as usize", kunit("xindex")),
    Mutant("no-bridges-above", "src/device.rs",
           "unsafe { bridge.cast::<pci::Device>().as_ref() }",
           "unsafe { bridge.cast::<pci::Device>().as_ref().filter(|_| " + FALSE + ") }",
           kunit("paths")),
    Mutant("tests-share-the-machine", "src/helpers.c",
           "\tKUNIT_STATIC_STUB_REDIRECT(pci_liveupdate_core);\n", "", kunit("isolation")),
    Mutant("master-is-lost", "src/fabric/master.rs",
           "owned.keeps_master(ending())", f"{FALSE} && owned.keeps_master(ending())",
           kunit("master")),
    Mutant("acs-is-chosen", "src/fabric/acs.rs", "if !state.acs_kept.read() {",
           f"if !state.acs_kept.read() || {TRUE} {{", kunit("fabric")),
    Mutant("ari-is-chosen", "src/fabric/ari.rs", "if !self.is_live(bridge) &&",
           f"if {TRUE} || !self.is_live(bridge) &&", kunit("fabric")),
    Mutant("any-driver-binds", "src/fabric/driver.rs", "found.is_allowed();",
           f"found.is_allowed() || {TRUE};", kunit("fabric")),
    Mutant("buses-are-renumbered", "src/fabric/buses.rs", "match self.pin(bridge, first_pass) {",
           f"match self.pin(bridge, first_pass) && {FALSE} {{", kunit("fabric")),
    Mutant("paths-are-not-judged", "src/fabric/buses.rs", "if new != 0 {",
           f"if new != 0 && {FALSE} {{", kunit("fabric")),
    Mutant("pinning-is-not-inherited", "src/fabric/buses.rs",
           "above.is_some_and(|above| above.state().pinned.read())", FALSE, kunit("fabric")),
    Mutant("anything-is-reset", "src/fabric/resets.rs", "is_none_or(Owned::may_reset);",
           f"is_none_or(Owned::may_reset) || {TRUE};", kunit("resets")),
    Mutant("sleep-is-allowed", "src/fabric/sleep.rs", "Err(EBUSY)", "Ok(())", kunit("resets")),
    Mutant("vfs-are-not-marked", "src/fabric/sriov.rs", "enabling_vfs.write(true)",
           "enabling_vfs.write(false)", kunit("facts")),
    Mutant("another-device-runs-on", "src/incoming.rs",
           "dev.clear_master();\n        dev_err!(dev, \"not incoming",
           "dev_err!(dev, \"not incoming", kunit("record")),
    Mutant("leftovers-run-on", "src/fabric/leftover.rs", "dev.clear_master();", "",
           vm("abandoned")),
    Mutant("a-reference-is-kept", "src/boot.rs", "get().map(drop)", "get().map(core::mem::forget)",
           vm("soak")),
    Mutant("nothing-is-recorded", "src/ffi.rs", "core.record_device(dev);", "",
           vm("identity.same")),
    Mutant("finish-is-not-told", "src/incoming.rs", "tracepoints::finish(dev);",
           "let _ = tracepoints::finish;", vm("tracepoints")),
    Mutant("the-list-is-not-counted", "src/logic/table.rs", "blocks.set_count(nr, spot, count);",
           "let _ = (blocks, nr, spot);", kunit("formats")),
    Mutant("any-count-will-do", "abi/decode.rs", "usize::try_from(found) != Ok(used)",
           "usize::try_from(found) != Ok(used) && found == 0", vm("corrupt-bytes.array-alone")),
    hook("devices-are-not-looked-up", "0301", "\tpci_liveupdate_setup_device(dev);",
         "\t(void)dev;", vm("one-device")),
    hook("devices-are-not-frozen", "0301", "\tpci_liveupdate_freeze_device(pci_dev);",
         "\t(void)pci_dev;", vm("last-look")),
    hook("removal-goes-unseen", "0301", "\tpci_liveupdate_cleanup_device(dev);",
         "\t(void)dev;", vm("remove")),
    hook("master-is-lost-at-shutdown", "0373", "\t    !pci_liveupdate_keep_dma(pci_dev))",
         "\t    pci_dev)", vm("bus-master")),
    hook("intx-is-enabled", "0374",
         "\t\tif (cmd & PCI_COMMAND_INTX_DISABLE && !pci_liveupdate_keep_intx(dev))",
         "\t\tif (cmd & PCI_COMMAND_INTX_DISABLE)", vm("intx")),
    hook("sysfs-resets-bridges", "0372", "\tif (!pci_liveupdate_may_reset_below(bridge))",
         "\tif (!bridge)", vm("reset")),
]  # fmt: skip


def run(*command: str | Path) -> int:
    """Runs a command, and returns its exit code."""
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return done.returncode


def changed(text: str, mutant: Mutant) -> str:
    """The text of the file with the mutant in it."""
    if text.count(mutant.before) != 1:
        raise SetupError(f"{mutant.name}: {mutant.file} has not {mutant.before!r} once")
    return text.replace(mutant.before, mutant.after)


def mutate(copy: Path, mutant: Mutant) -> Callable[[], None]:
    """Changes the copy, and returns what undoes that."""
    path = copy / mutant.file
    text = path.read_text(encoding="utf-8")
    path.write_text(changed(text, mutant), encoding="utf-8")

    def undo() -> None:
        path.write_text(text, encoding="utf-8")

    return undo


def judge(copy: Path, mutant: Mutant) -> Result:
    """Builds a kernel with the mutant, and sees that its test fails."""
    undo = mutate(copy, mutant)
    try:
        if run(copy / "scripts" / "kernel.sh", CONFIG):
            return Result(mutant.name, problems=["it does not build"])
        status = run(TOP / "tests" / "vm" / "run.py", *mutant.test)
    finally:
        undo()
    if status == 1:
        return Result(mutant.name)
    survived = f"survived {' '.join(mutant.test)}"
    return Result(mutant.name, problems=["the test does not run" if status else survived])


def fresh_copy(name: str) -> Path:
    """A copy of the repository."""
    copy = paths.cache() / name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(TOP, copy, ignore=shutil.ignore_patterns(".git", "target"), symlinks=True)
    return copy


def on_kernels(chosen: Sequence[Mutant]) -> Iterator[Result]:
    """Those in what only a kernel runs."""
    copy = fresh_copy("mutants")
    try:
        for mutant in chosen:
            yield judge(copy, mutant)
    finally:
        # The tree that was built is that of the repository again.
        run(TOP / "scripts" / "kernel.sh", CONFIG)


def breed(names: Sequence[str]) -> int:
    """All mutants, or those that are named."""
    files = host.files(TOP, [name for name in names or ["host"] if host.is_host(name)])
    unknown = {name for name in names if not host.is_host(name)} - {item.name for item in MUTANTS}
    if unknown:
        raise SetupError(f"no mutant {', '.join(sorted(unknown))}")
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]

    ktap = report.Ktap(len(chosen) + len(files))
    results = []
    if files:
        results += host.run(fresh_copy("mutants-host"), files)
        for result in results:
            ktap.result(result)
    if chosen:
        for result in on_kernels(chosen):
            results.append(result)
            ktap.result(result)
            if result.passed:
                leave("mutants", result.name, {"mutants": 1, "caught": 1})
    if not names:
        report.save("mutants", results)
    return report.verdict(results)


if __name__ == "__main__":
    sys.exit(cli.supervised(lambda: breed(sys.argv[1:])))
