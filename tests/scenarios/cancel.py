# SPDX-License-Identifier: GPL-2.0
"""An endpoint is unpreserved before kexec, and nothing is left.

Closing the session unpreserves its files. Afterwards KHO preserves exactly the memory that it
preserved before, and the next kernel is not told of any device.
"""

from vm import Machine, Vm, check, endpoint, handover, root_port, sample

MACHINE = Machine(
    devices=[
        root_port("rp0", "4"),
        endpoint("ep0", "rp0", addr="0.0", multifunction="on"),
        endpoint("ep1", "rp0", addr="0.1"),
    ],
    leaks=2,
)

ROUNDS = 3


def story(vm: Vm) -> None:
    old = vm.boot()
    fdt, luo = old.kho_fdt(), old.outgoing_luo()
    functions = sample.bind(old, "ep0", "ep1")
    port = old.pci("rp0")

    # LUO keeps what it allocates for its first session.
    old.create_session("first").close()
    memory = handover.preserved(vm.ram, fdt)

    for number in range(1, ROUNDS + 1):
        vm.step(f"round {number}: two functions are preserved, then the session is closed")
        session = old.create_session()
        sample.preserve(session, functions[0], 1)
        check.equal("count of the port", old.outgoing()[port.bdf].count, 1)
        sample.preserve(session, functions[1], 2)
        check.equal("count of the port", old.outgoing()[port.bdf].count, 2)
        check.true("KHO preserves more", handover.preserved(vm.ram, fdt) > memory)
        session.close()
        check.empty("outgoing", old.outgoing())
        check.equal("preserved memory", handover.preserved(vm.ram, fdt), memory)

    vm.step("one of two sessions is closed: the other keeps its device and the port")
    first, second = old.create_session("first"), old.create_session("second")
    sample.preserve(first, functions[0], 1)
    sample.preserve(second, functions[1], 2)
    first.close()
    check.equal("outgoing", set(old.outgoing()), {port.bdf, functions[1].bdf})
    check.equal("count of the port", old.outgoing()[port.bdf].count, 1)
    second.close()
    check.equal("preserved memory", handover.preserved(vm.ram, fdt), memory)

    vm.step("the next kernel is not told of anything")
    told: list[handover.Flb] = []
    new = vm.live_update(at_jump=lambda: told.extend(handover.flbs(vm.ram, luo)))
    check.empty("what is handed over", told)
    check.empty("incoming", new.incoming())
    check.true("the cancelled device is free to bind", sample.bind(new, "ep0")[0].driver)
