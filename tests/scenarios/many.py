# SPDX-License-Identifier: GPL-2.0
"""Sixty-four functions behind eight ports are preserved; half of them are unpreserved.

Free entries are used again, the next kernel gets exactly the rest, and finishing some of
them does not affect the others.
"""

from vm import Machine, Vm, check, endpoint, handover, root_port, sample
from vm.liveupdate import counts, due

PORTS, FUNCTIONS = 8, 8


def ports() -> list[str]:
    """The names of the endpoints of a port."""
    return [f"rp{port}" for port in range(PORTS)]


def names() -> list[str]:
    """The names of all endpoints, port by port."""
    return [f"{port}.{number}" for port in ports() for number in range(FUNCTIONS)]


MACHINE = Machine(
    devices=[
        *(root_port(port, f"{4 + n:x}") for n, port in enumerate(ports())),
        *(
            endpoint(name, name[:-2], addr=f"0.{name[-1]}", multifunction="on")
            for name in names()
        ),
    ],
)


def story(vm: Vm) -> None:
    old = vm.boot()
    devices = sample.bind(old, *names())
    even, odd = devices[::2], devices[1::2]
    # The files of the second session stay preserved; the first one is closed.
    first, second = old.create_session("first"), old.create_session("second")

    vm.step(f"{len(devices)} functions are preserved")
    for token, device in enumerate(devices):
        sample.preserve(second if device in odd else first, device, token)
    everything = due(*devices)
    check.equal("outgoing", counts(old.outgoing()), everything)
    check.equal("entries", len(everything), PORTS * (FUNCTIONS + 1))

    vm.step("every other one is given back, and a quarter is preserved again")
    first.close()
    check.equal("outgoing", counts(old.outgoing()), due(*odd))
    first = old.create_session("first")
    again = even[::2]
    for token, device in enumerate(again):
        sample.preserve(first, device, token)
    told = due(*odd, *again)
    check.equal("outgoing", counts(old.outgoing()), told)

    handed: list[handover.PciArray | None] = []
    luo = old.outgoing_luo()
    new = vm.live_update(at_jump=lambda: handed.append(handover.pci_array(vm.ram, luo)))

    vm.step("the next kernel is told of exactly those, and finishes them in two sessions")
    [array] = handed
    check.equal("handed over", array and array.counts, told)
    check.equal("entries in use", array and array.nr_devices, len(told))
    check.equal("incoming", counts(new.incoming()), told)
    path = [new.pci(bdf) for bdf in told]
    check.empty("functions without Bus Master", [item for item in path if not item.bus_master])
    sample.bind(new, *(device.bdf for device in (*odd, *again)))
    again, odd = ([new.pci(item.bdf) for item in group] for group in (again, odd))
    session = new.retrieve_session("first")
    for token in range(len(again)):
        session.retrieve(token).close()
    session.finish()
    check.equal("incoming", counts(new.incoming()), due(*odd))
    session = new.retrieve_session("second")
    for token, device in enumerate(devices):
        if token % 2:
            session.retrieve(token).close()
    session.finish()
    check.empty("incoming", new.incoming())
    check.equal("functions never finished", new.stats()["never_finished"], 0)
