# SPDX-License-Identifier: GPL-2.0
"""Documentation/PCI/liveupdate-first.rst, typed word by word into the shell of a guest.

The machine is the one of the page, and its command line. Each command succeeds, and prints what
the page says. So do those that the page tells what is wrong about, with what it says there.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

from vm import Machine, Vm, check, paths, shell
from vm.shell import Shell, Typed

PAGE = (paths.TESTS.parent / "Documentation/PCI/liveupdate-first.rst").read_text(encoding="utf-8")
COMMANDS = shell.commands(PAGE)
HARDWARE, ARGUMENTS = (
    " ".join(re.findall(pattern, PAGE, re.M)) for pattern in (r"^  -M q35 (.*)", r"^  (kho=on .*)")
)
MACHINE = Machine(
    qemu=HARDWARE.split(),
    programs=["samples/liveupdate/liveupdate_file", "samples/vfio/vfio_liveupdate"],
    shell=True,
    arguments=ARGUMENTS,
)


def follow(vm: Vm, typist: Shell, typed: Typed) -> Shell:
    """Types a command of the page. Returns the shell for the next one."""
    vm.step(f"# {typed.command}")
    if typed.replaces_kernel:
        return Shell(vm.live_update_by(*typist.request(typed)))
    printed = shell.same_for_all(typist.type(typed))
    check.equal(f"output of {typed.command}", printed, shell.same_for_all(typed.output))
    return typist


def word_by_word(vm: Vm) -> None:
    """The page, from its first to its last line."""
    typist = Shell(vm.boot())
    for typed in COMMANDS:
        typist = follow(vm, typist, typed)
    check.equal("live updates", vm.live_updates, 2)


def fails(vm: Vm, typist: Shell, command: str, says: str) -> None:
    """Types a command that fails as the page says."""
    vm.step(f"# {command} fails")
    check.true(f"the page has {says!r}", f"``{says}``" in PAGE)
    check.contains(f"output of {command}", typist.type(Typed(command), fails=True), says)


def mistakes(vm: Vm) -> None:
    """What the page says about things that go wrong."""
    begin = list(takewhile(lambda typed: not typed.replaces_kernel, COMMANDS))
    [preserve] = [typed for typed in begin if typed.in_background]
    bind = [typed for typed in begin if re.match(r"DEV=|echo [^\"]|ls .*\$DEV", typed.command)]
    [retrieve] = [typed for typed in COMMANDS if typed.command == "liveupdate_file retrieve"]

    typist = Shell(vm.boot())
    gone = "liveupdate_file: session: No such file or directory"
    fails(vm, typist, retrieve.command, gone)
    for typed in begin:
        follow(vm, typist, typed)
    again = preserve.command.rstrip(" &")
    fails(vm, typist, again, "liveupdate_file: /dev/liveupdate: Device or resource busy")

    vm.step("a preserved device is unbound, and preserved again")
    typist.type(Typed("echo $DEV > /sys/bus/pci/devices/$DEV/driver/unbind"))
    fails(vm, typist, "kexec -e", "kexec failed: No such device")
    typist.type(Typed("kill $!; wait $! || true"))
    for typed in [*bind, preserve]:
        follow(vm, typist, typed)

    vm.step("its file is retrieved too early")
    typist = follow(vm, typist, Typed("kexec -e"))
    fails(vm, typist, retrieve.command, "liveupdate_file: retrieve: No such device")
    check.empty("incoming", vm.guest.incoming())
    fails(vm, typist, retrieve.command, gone)
    for typed in bind:
        follow(vm, typist, typed)


@dataclass(frozen=True)
class Case:
    """A way to read the page."""

    story: Callable[[Vm], None]


CASES = {"word-by-word": Case(word_by_word), "mistakes": Case(mistakes)}


def story(vm: Vm, case: Case) -> None:
    case.story(vm)
