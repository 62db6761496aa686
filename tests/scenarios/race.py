# SPDX-License-Identifier: GPL-2.0
"""Scans, removal, resets, preserve and unpreserve all at once, and finish in the middle of scans.

Devices go and come by way of sysfs. pciehp takes its own lock and that of scans in
both orders, and lockdep looks no further once it has seen that.
"""

from errno import EAGAIN, EBUSY, ENODEV, ENOENT

from vm import Guest, Machine, Pci, Session, Vm, check, endpoint, root_port, sample
from vm.guest import Request

MACHINE = Machine(
    devices=[
        root_port("rp0", "3"),
        root_port("rp1", "4"),
        root_port("rp2", "5"),
        endpoint("live", "rp0"),
        endpoint("second", "rp1"),
        endpoint("goes", "rp2"),
    ],
    # Scans write bus numbers, unless something keeps them from it.
    arguments="pci=assign-busses",
    cpus=2,
)

PASSES = 40
TOKEN = 1
RESCAN: Request = ("file.write", "/sys/bus/pci/rescan", "1")

# A preserved device that a scan is running over; a device that is removed just now.
MEANWHILE = {0, EAGAIN}
GONE = {0, ENOENT, ENODEV, EBUSY, EAGAIN}


def keep_and_cancel(luo: int, function: Pci) -> list[Request]:
    """A device is preserved in a session of its own, and given back."""
    return [
        ("file.open", sample.node(function), "rw"),
        ("luo.create", luo, f"race-{function.bdf}"),
        ("luo.preserve_fd", "$1", "$0", TOKEN),
        ("fd.close", "$1"),
        ("fd.close", "$0"),
    ]


def remove_and_find(function: Pci) -> list[Request]:
    """A device goes and comes back."""
    return [
        ("file.write", f"{function.path}/reset", "1"),
        ("file.write", f"{function.path}/remove", "1"),
        RESCAN,
    ]


def run(guest: Guest, timeout: float, threads: dict[str, list[Request]]) -> None:
    """Starts them all, waits for them all, and looks at how the steps ended."""
    running = {name: guest.stress(name, PASSES, *steps) for name, steps in threads.items()}
    for name, thread in running.items():
        for step, count in zip(threads[name], thread.join(timeout), strict=True):
            allowed = GONE if name == "remove" else MEANWHILE
            odd = {code: times for code, times in count.by_errno.items() if code not in allowed}
            check.empty(f"errors of {step[0]!r} in {name}", odd)


def story(vm: Vm) -> None:
    old = vm.boot()
    live, second = sample.bind(old, "live", "second")
    goes = old.pci("goes")
    luo = old.open("/dev/liveupdate")
    patience = 10 * vm.limits.request

    vm.step("all at once")
    run(
        old,
        patience,
        {
            "scan": [RESCAN],
            "live": keep_and_cancel(luo.number, live),
            "second": keep_and_cancel(luo.number, second),
            "remove": remove_and_find(goes),
        },
    )
    check.empty("outgoing", old.outgoing())

    session = Session(old, old.new_fd("luo.create", luo.number, "story"))
    sample.preserve(session, live, TOKEN)
    sample.preserve(session, second, TOKEN + 1)
    new = vm.live_update()
    check.equal("incoming", len(new.incoming()), 4)

    vm.step("finished in the middle of scans")
    sample.bind(new, live.bdf, second.bdf)
    scan = new.stress("scan", PASSES, RESCAN)
    remove = new.stress("remove", PASSES, *remove_and_find(new.pci(goes.bdf)))
    session = new.retrieve_session()
    session.retrieve(TOKEN).close()
    session.retrieve(TOKEN + 1).close()
    session.finish()
    scan.join(patience)
    remove.join(patience)
    check.empty("incoming", new.incoming())
    for function in (live, second, goes):
        check.true(f"{function} is there", new.pci(function.bdf).present)
