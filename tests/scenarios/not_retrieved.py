# SPDX-License-Identifier: GPL-2.0
"""A device whose file was not retrieved is stopped when the session is finished.

Its driver clears Bus Master in can_finish(), before any memory of the session is freed, and
finishes the device. The other device of the session keeps Bus Master.
"""

from vm import Machine, Vm, check, endpoint, root_port, sample
from vm.fabric import masters_cleared

MACHINE = Machine(
    devices=[
        root_port("rp0", "4"),
        endpoint("retrieved", "rp0"),
        root_port("rp1", "5"),
        endpoint("left", "rp1"),
    ],
    leaks=1,
)

RETRIEVED, LEFT = 1, 2


def story(vm: Vm) -> None:
    old = vm.boot()
    functions = sample.bind(old, "retrieved", "left")
    session = old.create_session()
    for token, function in zip((RETRIEVED, LEFT), functions, strict=True):
        sample.preserve(session, function, token)
    new = vm.live_update()

    vm.step("both devices have their driver, and one file is retrieved")
    retrieved, left = sample.bind(new, *(function.bdf for function in functions))
    session = new.retrieve_session()
    session.retrieve(RETRIEVED).close()
    before = vm.trace.mark()
    check.true("the other device has Bus Master", left.bus_master)

    vm.step("the session is finished: the other device is stopped, and is like any other")
    session.finish()
    check.true("the other device lost Bus Master", masters_cleared(vm.trace, [left], before))
    check.true("it stays off", not left.bus_master)
    path = [new.pci("rp0"), new.pci("rp1"), retrieved]
    check.empty("other writes that clear Bus Master", masters_cleared(vm.trace, path, before))
    check.empty("incoming", new.incoming())
    check.equal("functions never finished", new.stats()["never_finished"], 0)

    vm.step("it is bound again, and can be preserved again")
    left.unbind()
    (left,) = sample.bind(new, left.bdf)
    check.true("it has Bus Master", left.bus_master)
    session = new.create_session()
    sample.preserve(session, left, LEFT)
    check.contains("outgoing", new.outgoing(), left.bdf)
