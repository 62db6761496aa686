# SPDX-License-Identifier: GPL-2.0
"""A driver is unbound while its file is open, preserved, and retrieved; nothing hangs.

Kexec with a preserved device that lost its driver is refused, and a session with an incoming
one cannot be finished. What is written to the file after preserve is handed over as well.
"""

from errno import EBUSY, EMSGSIZE, ENODEV

from vm import Machine, Vm, check, endpoint, root_port, sample

MACHINE = Machine(devices=[root_port("rp0", "4"), endpoint("ep0", "rp0")], leaks=2)

TOKEN = 1
LATE = b"written after preserve"


def story(vm: Vm) -> None:
    old = vm.boot()
    (device,) = sample.bind(old, "ep0")

    vm.step("the device is unbound while its file is preserved: the jump is refused")
    session = old.create_session()
    sample.preserve(session, device, TOKEN, b"early")
    device.unbind()
    check.equal("still outgoing", device.bdf in old.outgoing(), True)
    with check.refused(ENODEV):
        vm.jump()

    vm.step("bound again, it is another time: the jump is refused as before")
    sample.bind(old, "ep0")
    with check.refused(ENODEV):
        vm.jump()
    session.close()
    check.empty("outgoing", old.outgoing())

    vm.step("nor is a file preserved that was opened at another time")
    session = old.create_session()
    fd = old.open(sample.node(device))
    device.unbind()
    sample.bind(old, "ep0")
    with check.refused(ENODEV):
        session.preserve(fd, TOKEN)
    fd.close()
    session.close()
    check.empty("outgoing", old.outgoing())

    vm.step("it is preserved anew, and written to afterwards")
    session = old.create_session()
    fd = old.open(sample.node(device))
    session.preserve(fd, TOKEN)
    with check.refused(EMSGSIZE):
        fd.write(0, b"x" * (sample.MAX_CONTENT + 1))
    fd.write(0, LATE)
    fd.close()
    new = vm.live_update()

    vm.step("the file is retrieved")
    (device,) = sample.bind(new, device.bdf)
    session = new.retrieve_session()
    fd = session.retrieve(TOKEN)
    check.equal("content", fd.read(0, sample.MAX_CONTENT), LATE)

    vm.step("the session cannot be finished while the device has no driver")
    device.unbind()
    with check.refused(EBUSY):
        session.finish()
    check.equal("still incoming", device.bdf in new.incoming(), True)
    sample.bind(new, device.bdf)
    session.finish()
    check.empty("incoming after finish", new.incoming())

    vm.step("the file outlives all that")
    check.equal("content", fd.read(0, sample.MAX_CONTENT), LATE)
    fd.close()
    session.close()
