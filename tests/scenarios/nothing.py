# SPDX-License-Identifier: GPL-2.0
"""Boot and kexec with nothing preserved: no incoming device, no warning."""

from vm import Guest, Machine, Vm, check, endpoint, root_port

MACHINE = Machine(devices=[root_port("rp0", "4"), endpoint("ep0", "rp0")])

WARNING = 4


def quiet(guest: Guest) -> None:
    """The core is enabled, lists no device, and does not log anything else."""
    check.empty("incoming", guest.incoming())
    check.empty("outgoing", guest.outgoing())
    worrying = [line for line in guest.log(WARNING) if "liveupdate" in line.lower()]
    check.empty("warnings of the core", worrying)


def story(vm: Vm) -> None:
    old = vm.boot()
    check.equal("live updates before a cold boot", old.hello.live_updates, 0)
    quiet(old)
    for function in (old.pci("rp0"), old.pci("ep0")):
        check.true(f"{function} is there", function.present)
    session = old.create_session()
    session.save({"passengers": 0})

    new = vm.live_update()
    quiet(new)
    session = new.retrieve_session()
    check.equal("passengers", session.load(), {"passengers": 0})
    session.finish()
    quiet(new)
    check.true("the device is there again", new.pci("ep0").present)
