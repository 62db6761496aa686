# SPDX-License-Identifier: GPL-2.0
"""Preserved devices are gone when the next kernel enumerates.

The host removes power from a slot at the end of the old kernel. The new kernel logs what is
missing, takes over the rest, and does not wait.
"""

from errno import ENODEV

from vm import Machine, Pci, Vm, check, endpoint, fabric, root_port, sample, switch
from vm.liveupdate import counts, due, summary

MACHINE = Machine(
    devices=[
        root_port("rp0", "4"),
        switch("sw", "rp0", 1),
        endpoint("lost", "sw.0"),
        root_port("rp1", "5"),
        endpoint("there", "rp1"),
    ],
    leaks=2,
)

LOST, THERE = 1, 2

WARNING = 4


def story(vm: Vm) -> None:
    # Without port drivers, the old kernel does not handle the event.
    old = vm.boot("pcie_ports=compat")
    lost, there = sample.bind(old, "lost", "there")
    port = old.pci("rp0")
    session = old.create_session()
    sample.preserve(session, lost, LOST)
    sample.preserve(session, there, THERE)
    everything = due(lost, there)
    gone = [item.bdf for item in lost.line[1:]]

    vm.step(f"the power of the slot goes off, and {', '.join(gone)} are gone")
    fabric.power(port, on=False)
    check.equal("vendor of the lost device", lost.read(0, 2), 0xFFFF)
    check.equal("outgoing, as far as the old kernel knows", counts(old.outgoing()), everything)
    new = vm.live_update()

    vm.step("the new kernel knows what is missing, and has the rest")
    incoming = new.incoming()
    check.equal("incoming", counts(incoming), everything)
    missing = {bdf for bdf, entry in incoming.items() if entry.state == "missing"}
    check.equal("missing", missing, set(gone))
    check.equal("kinds of the missing", {incoming[bdf].kind for bdf in gone}, {"unknown"})
    check.equal("functions that arrived", new.stats()["arrived"], len(everything) - len(gone))
    lines = new.said(summary(len(everything), found=len(everything) - len(gone)))
    check.equal("lines that sum it up", len(lines), 1)
    log = "\n".join(new.log(WARNING))
    check.empty("missing without a warning", [bdf for bdf in gone if bdf not in log])

    vm.step("the session can be finished: the missing ones are given up")
    (there,) = sample.bind(new, there.bdf)
    session = new.retrieve_session()
    session.retrieve(THERE).close()
    with check.refused(ENODEV):
        session.retrieve(LOST)
    session.finish()
    check.empty("incoming", new.incoming())
    # With them the port above, which was found, but not finished by any driver.
    check.equal("functions never finished", new.stats()["never_finished"], len(gone) + 1)

    vm.step("what comes into the slot later is a device like any other")
    arrived = new.stats()["arrived"]
    vm.plug(endpoint("late", "rp0"))
    late = Pci(new, gone[0])
    vm.wait_for("the new device", lambda: late.present)
    check.true("it is bound", sample.bind(new, late.bdf)[0].driver)
    check.equal("functions that arrived", new.stats()["arrived"], arrived)
    check.empty("incoming", new.incoming())
