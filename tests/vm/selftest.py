# SPDX-License-Identifier: GPL-2.0
"""Checks that the runner detects failures.

Each scenario here is broken in one way and must fail, for the right reason. If one
of them passed, results of the other scenarios would mean nothing.
"""

import errno
import json
import re
import signal
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from . import check, handover, kselftest, kunit, probe
from .errors import CheckFailed, Failure, SetupError
from .machine import Machine, endpoint, root_port
from .runner import Result, run_all
from .scenario import Scenario
from .splat import PATTERNS, Expected, scan
from .vm import Vm

# A line as the kernel prints it, for every pattern of the scan.
_SPLATS = {
    "bug": "BUG: kernel NULL pointer dereference, address: 0000000000000010",
    "bug at": "kernel BUG at mm/slub.c:563!",
    "warning": "WARNING: drivers/pci/pci.c:2200 at do_pci_disable_device+0x1/0x2, CPU#0: init/1",
    "oops": "Oops: 0002 [#1] SMP NOPTI",
    "panic": "Kernel panic - not syncing: Fatal exception",
    "rust panic": "rust_kernel: panicked at src/slots.rs:1:2:",
    "general protection": "general protection fault, probably for non-canonical address: 0000",
    "page fault": "Unable: unable to handle page fault for address: ffffc90000000000",
    "double fault": "traps: PANIC: double fault, error_code: 0x0",
    "divide": "divide error: 0000 [#1] SMP",
    "invalid opcode": "invalid opcode: 0000 [#1] SMP",
    "kasan": "==== KASAN: slab-use-after-free in luo_flb_serialize",
    "ubsan": "UBSAN: array-index-out-of-bounds in drivers/pci/probe.c:1:2",
    "kcsan": "==== KCSAN: data-race in a / b",
    "kmemleak": "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "lockdep": "possible circular locking dependency detected",
    "lockdep off": "INFO: lockdep is turned off.",
    "bad unlock": "init/1 is trying to release lock: bad unlock balance detected!",
    "rcu stall": "rcu: INFO: rcu_preempt self-detected stall on CPU",
    "suspicious rcu": "suspicious RCU usage",
    "hung task": "INFO: task init:1 blocked for more than 120 seconds.",
    "soft lockup": "soft lockup - CPU#0 stuck for 22s! [init:1]",
    "atomic": "sleeping function called from invalid context at kernel/locking/mutex.c:1",
    "refcount": "refcount_t: underflow; use-after-free.",
    "list": "list_del corruption, ffff888000000000->next is LIST_POISON1",
    "slub": "BUG kmalloc-64 (Not tainted): Right Redzone overwritten",
    "odebug": "ODEBUG: free active (active state 0) object: 0000 object type: timer_list",
    "bad page": "Bad page state in process init  pfn:00001",
    "irqs": 'irq 11: nobody cared (try booting with the "irqpoll" option)',
    "call trace": "[    1.000000] Call Trace:",
    "kho off": "KHO: Failed to reserve nid 0 scratch buffer",
}


def _scanner() -> None:
    """The scan detects each kind of splat, and requires that every pattern is tested."""
    check.equal("patterns with an example", sorted(_SPLATS), sorted(PATTERNS))
    for cause, line in _SPLATS.items():
        check.true(f"{cause} is found alone", scan([line], patterns={cause: PATTERNS[cause]}))
    check.empty("findings in a quiet log", scan(["pci 0000:00:04.0: [1b36:000c] type 01"]))

    warning = [_SPLATS["warning"]]
    check.empty("an expected warning", scan(warning, [Expected("do_pci_disable_device")]))
    check.true("twice is once too often", scan(warning * 2, [Expected("do_pci_disable_device")]))
    check.true("not at all is too rare", scan([], [Expected("do_pci_disable_device")]))
    without: list[dict[str, str]] = [{}, {"warning": ""}]
    for nothing in without:
        try:
            scan([], patterns=nothing)
        except SetupError:
            continue
        raise Failure("a scan without patterns passes")


def _kunit_reader(config: str) -> None:
    """A test that failed and a test that did not end are both detected."""

    def suite(name: str, *outcomes: str) -> list[str]:
        plan = ["    KTAP version 1", f"    # Subtest: {name}", f"    1..{len(outcomes)}"]
        cases = [f"    {text} {n} case{n}" for n, text in enumerate(outcomes, 1) if text]
        return [*plan, *cases, f"{'ok' if set(outcomes) == {'ok'} else 'not ok'} 1 {name}"]

    suites = {
        "good": suite("good", "ok", "ok"),
        "bad": suite("bad", "ok", "not ok"),
        "torn": suite("torn", "ok", ""),
    }
    with tempfile.TemporaryDirectory() as name:
        results = kunit.judge(suites, Path(name), config)
    passed = {result.name for result in results if result.passed}
    check.equal("passed tests", passed, {"good.case1", "good.case2", "bad.case1", "torn.case1"})
    check.true("the failed one is red", any(not result.passed for result in results))
    torn = [result.name for result in results if not result.passed]
    check.true("the lost one is red", any(name.startswith("torn") for name in torn))


def _tap(*lines: str, status: int = kselftest.PASS) -> kselftest.Tap:
    tap = kselftest.Tap("test", status)
    for line in lines:
        tap.read(line)
    return tap


def _tap_reader() -> None:
    """Tests that failed, that are missing, or that were skipped for no known reason are detected."""
    results = ["ok 1 fixture.one", "ok 2 fixture.two # SKIP no disk"]
    _tap("TAP version 13", "1..2", *results).judge("no disk")
    bad = {
        "failed": _tap("1..3", *results, "not ok 3 fixture.three"),
        "expected to fail": _tap("1..3", *results, "not ok 3 fixture.three # XFAIL"),
        "missing": _tap("1..3", *results),
        "no plan": _tap(*results),
        "status": _tap("1..2", *results, status=1),
        "unknown reason": _tap("1..3", *results, "ok 3 fixture.three # SKIP no net"),
        "nothing": _tap("1..0 # SKIP no disk"),
    }
    for what, tap in bad.items():
        try:
            tap.judge("no disk")
        except CheckFailed:
            continue
        raise Failure(f"{what}: nobody noticed")


def _crash(vm: Vm) -> None:
    vm.boot().write("/proc/sysrq-trigger", "c")


def _silence(vm: Vm) -> None:
    guest = vm.boot()
    vm.qmp.command("stop")
    guest.request("file.read", "/proc/uptime", timeout=2)


def _never_up(vm: Vm) -> None:
    vm.patience = 20
    vm.boot("rdinit=/none")


def _splat(vm: Vm) -> None:
    vm.boot().write("/dev/kmsg", "<4>WARNING: planted\n")


def _unseen_splat(vm: Vm) -> None:
    vm.boot()


def _no_handover(vm: Vm) -> None:
    vm.boot("kho=off liveupdate=off")
    vm.live_update()


def _handover_refused(vm: Vm) -> None:
    vm.boot()
    vm.live_update("kho=off liveupdate=off")


def _restart(vm: Vm) -> None:
    guest = vm.boot()
    guest.request("kernel.restart")


def _wrong(vm: Vm) -> None:
    guest = vm.boot()
    check.equal("live update number of a cold boot", guest.hello.live_updates, 1)


def _typo(vm: Vm) -> None:
    vm.boot().no_such_thing()  # type: ignore[attr-defined]


def _lazy(_: Vm) -> None:
    pass


# scenario, the problem that must be found
_RED: dict[str, tuple[Callable[[Vm], None], str]] = {
    "crashed-guest": (_crash, r"GuestGone: the machine ended"),
    "silent-guest": (_silence, r"GuestSilent: no answer in time"),
    "guest-that-never-comes-up": (_never_up, r"Guest(Gone|Silent): .*the kernel to come up"),
    "splat": (_splat, r"console: warning: .*planted"),
    "expected-splat-missing": (_unseen_splat, r"seen 0 times instead of 1"),
    "no-handover": (_no_handover, r"HandoverLost: Live Update is off"),
    "handover-refused": (_handover_refused, r"HandoverLost: Live Update is off"),
    "guest-that-restarts": (_restart, r"GuestGone"),
    "wrong-value": (_wrong, r"CheckFailed: live update number"),
    "mistake-in-the-story": (_typo, r"AttributeError"),
    "story-without-machine": (_lazy, r"never booted"),
}


def _stalled(vm: Vm) -> None:
    """A guest that answers as soon as the host lets it is not silent, and the stall is told."""
    guest = vm.boot()
    vm.process.send_signal(signal.SIGSTOP)
    threading.Timer(4, vm.process.send_signal, [signal.SIGCONT]).start()
    check.true("an answer", guest.request("file.read", "/proc/uptime", timeout=2))
    told = [stall for stall in vm.stalls() if stall.startswith("file.read /proc/uptime took")]
    check.equal("stalls of the request", len(told), 1)


def _plugged(vm: Vm) -> None:
    """Devices, their registers and their trace are reported correctly."""
    guest = vm.boot()
    port, device = guest.pci("rp0"), guest.pci("ep0")
    check.equal("bus of the device", int(device.bdf[5:7], 16), port.bus_numbers.secondary)
    check.equal("vendor", device.read(0, 2), 0x1234)

    mark = vm.trace.mark()
    device.bus_master = True
    written = [write.value & 4 for write in vm.trace.writes(device.bdf, 4, since=mark)]
    check.equal("traced writes of Bus Master", written, [4])

    vm.plug(endpoint("ep1", "rp1"))
    vm.wait_for("hotplug", lambda: guest.pci("ep1").present)


def _stopped(vm: Vm) -> None:
    """The handover can be read and changed while the machine is stopped between two kernels."""
    old = vm.boot()
    state = {"answer": 41}
    session = old.create_session()
    session.save(state)
    data = json.dumps(state).encode()
    fdt = old.kho_fdt()
    seen = []

    def damage() -> None:
        pages = {page.address for page in handover.preserved(vm.ram, fdt)}
        found = [at for at in vm.ram.find(data) if at in pages]
        seen.append(len(found))
        vm.ram.write(found[0], data.replace(b"41", b"42"))

    vm.live_update(at_jump=damage)
    check.equal("places of the state", seen, [1])
    check.equal("state", vm.guest.retrieve_session().load(), {"answer": 42})


def _cancelled(vm: Vm) -> None:
    """KHO's map shows what a session preserves, and that nothing of it is left."""
    guest = vm.boot()
    # The first session makes LUO allocate what it keeps from then on.
    guest.create_session("first").close()
    before = handover.preserved(vm.ram, guest.kho_fdt())
    session = guest.create_session()
    session.save({"answer": 42})
    during = handover.preserved(vm.ram, guest.kho_fdt())
    check.true("more is preserved than before", during > before)
    session.close()
    check.equal("preserved memory", handover.preserved(vm.ram, guest.kho_fdt()), before)


def _hops(vm: Vm) -> None:
    """Three live updates in a row are counted."""
    vm.boot()
    for number in (1, 2, 3):
        check.equal("live update", vm.live_update().hello.live_updates, number)
        check.equal("proved", vm.live_updates, number)


def _dead_end(vm: Vm) -> None:
    """A kexec that must panic, and one that is refused and leaves the kernel running."""
    guest = vm.boot()
    with check.refused(errno.EINVAL):
        guest.request("kernel.kexec")
    check.true("the kernel goes on", guest.text("/proc/uptime"))
    vm.jump_into_panic("VFS: Unable to mount root fs", "rdinit=/none")


def _raced(vm: Vm) -> None:
    """Threads repeat requests, results are passed between steps, errors are counted."""
    guest = vm.boot()
    steps = (
        ("fd.memfd", "raced"),
        ("fd.truncate", "$0", 64),
        ("fd.close", "$0"),
        ("file.read", "/none"),
        ("fd.close", "$3"),
    )
    first, second = guest.stress("a", 200, *steps), guest.stress("b", 10**9, *steps)
    counts = first.join(60)
    found = [count.by_errno for count in counts]
    fine = {0: 200}
    check.equal("outcomes", found, [fine, fine, fine, {errno.ENOENT: 200}, {}])
    check.true("endless thread ran", second.stop(60)[0].ok > 0)


_HOT = Machine(devices=[root_port("rp0", "4"), root_port("rp1", "5"), endpoint("ep0", "rp0")])

_PANIC = [
    Expected(r"Kernel panic - not syncing: VFS: Unable to mount root fs"),
    Expected(r"Call Trace:", None),
]

_GREEN = [
    probe.scenario("memfd"),
    Scenario("stalled-host", str(_stalled.__doc__), Machine(), _stalled),
    Scenario("devices", str(_plugged.__doc__), _HOT, _plugged),
    Scenario("stop-at-jump", str(_stopped.__doc__), Machine(), _stopped),
    Scenario("cancelled", str(_cancelled.__doc__), Machine(), _cancelled),
    Scenario("dead-end", str(_dead_end.__doc__), Machine(), _dead_end, _PANIC),
    Scenario("three-hops", str(_hops.__doc__), Machine(), _hops),
    Scenario("threads", str(_raced.__doc__), Machine(cpus=2), _raced),
]


def _red() -> list[Scenario]:
    missing = [Expected("never printed")]
    return [
        Scenario(name, "", Machine(), story, missing if story is _unseen_splat else ())
        for name, (story, _) in _RED.items()
    ]


def _judge(result: Result) -> None:
    """A broken scenario passes if it failed for the expected reason."""
    _, reason = _RED[result.name]
    found = result.problems
    result.problems = []
    if not found:
        result.problems = ["came out green"]
    elif not any(re.search(reason, problem) for problem in found):
        result.problems = [f"red, but not for {reason!r}:", *found]


def _on_host(name: str, test: Callable[[], None]) -> Result:
    """A test that needs no machine."""
    result = Result(name)
    try:
        test()
    except Failure as err:
        result.problems.append(str(err))
    return result


# Tests without a scenario.
ON_HOST = 3


def stories() -> list[Scenario]:
    """The scenarios that must fail, and those that must pass."""
    return [*_red(), *_GREEN]


def run(
    config: str, accel: Sequence[str], jobs: int, report: Callable[[Result], None]
) -> list[Result]:
    """Runs everything; a result passes if the runner was right."""

    def judged(result: Result) -> None:
        if result.name in _RED:
            _judge(result)
        report(result)

    results = [
        _on_host("scan", _scanner),
        _on_host("kunit-reader", lambda: _kunit_reader(config)),
        _on_host("tap-reader", _tap_reader),
    ]
    for result in results:
        report(result)
    return [*results, *run_all(stories(), config, accel, jobs, judged)]
