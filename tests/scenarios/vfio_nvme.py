# SPDX-License-Identifier: GPL-2.0
"""User space keeps an NVMe drive of vfio-pci over kexec, with hundreds of commands under way.

The file of the drive and the memory with its queues are in one session. User space of the new
kernel reads the completions on where the old one stopped. Each command completes once, and all
data is right. If the drive is not preserved, it cannot complete any and fails.
"""

from vm import Drive, Guest, Machine, Pci, Vm, check, endpoint, root_port, switch
from vm.fabric import masters_cleared
from vm.nvme import Nvme, Told, failed, limit, versions
from vm.vfio import DRIVER, NO_IOMMU

DRIVE = Drive("disk", size=16)
PATH = ("rp", "sw", "sw.0", "nvme")
MACHINE = Machine(
    devices=[
        root_port("rp", "4"),
        switch("sw", "rp", 1),
        endpoint("nvme", "sw.0", "nvme", drive=DRIVE.id, serial="1"),
    ],
    drives=[DRIVE],
    arguments=NO_IOMMU,
)
CASES = {"preserved": True, "not-preserved": False}

NVME, MEMORY = 1, 2
# Blocks that are read at the jump, written at the jump, and written by the new kernel.
READ, WRITTEN, LATE = range(0, 250), range(250, 500), range(500, 750)
HUNDREDS = 300
# Completions that the old kernel reads of those at the jump.
SOME = 20


def complete(vm: Vm, nvme: Nvme, told: Told) -> None:
    """Waits until no command is under way."""
    vm.wait_for("all commands to complete", lambda: not nvme.reap(told))


def taken_over(vm: Vm, new: Guest, path: list[Pci], told: Told) -> None:
    """In the new kernel, with a drive that was preserved."""
    check.true("Bus Master of all the path is on", all(item.bus_master for item in path))
    path[-1].bind(DRIVER)
    session = new.retrieve_session()
    nvme = Nvme.retrieve(path[-1], session, NVME, MEMORY)
    before = len(told.done)
    left = nvme.reap(told)
    during = len(told.done) - before
    vm.step(f"{during} commands have completed over the jump, {left} are under way")
    check.true("commands completed over the jump", during > 0)
    check.true("commands are under way", left > 0)

    limit(vm, DRIVE, 0)
    complete(vm, nvme, told)
    commands = len(READ) + len(READ) + len(WRITTEN)
    check.empty("what is wrong with the commands", told.problems(commands))

    vm.step("the session is finished, and the drive goes on")
    session.finish()
    check.empty("incoming", new.incoming())
    nvme.read(WRITTEN, 2)
    nvme.write(LATE, 3)
    complete(vm, nvme, told)
    nvme.read(READ, 1)
    nvme.read(LATE, 3)
    complete(vm, nvme, told)
    commands += len(WRITTEN) + len(LATE) + len(READ) + len(LATE)
    check.empty("what is wrong with the commands", told.problems(commands))
    nvme.stop()
    nvme.device.close()


def story(vm: Vm, preserve: bool) -> None:
    old = vm.boot()
    path = [old.pci(name) for name in PATH]
    nvme = Nvme.start(path[-1])
    session = old.create_session()
    told = Told()
    nvme.write(READ, 1)
    complete(vm, nvme, told)

    vm.step("hundreds of commands are under way")
    limit(vm, DRIVE, max(int(20 / old.hello.uptime), 1))
    nvme.read(READ, 1)
    nvme.write(WRITTEN, 2)
    first = len(told.done)
    vm.wait_for("the first ones", lambda: nvme.reap(told) > 0 and len(told.done) > first + SOME)
    if preserve:
        nvme.preserve(session, NVME, MEMORY)
    else:
        session.preserve(nvme.memory, MEMORY)
    check.true(f"hundreds are under way ({told.in_flight})", told.in_flight > HUNDREDS)
    before = vm.trace.mark()
    new = vm.live_update()

    path = [new.pci(item.bdf) for item in path]
    cleared = masters_cleared(vm.trace, path, before)
    if preserve:
        check.empty("writes that clear Bus Master on the path", cleared)
        taken_over(vm, new, path, told)
        image = vm.directory / DRIVE.image
        check.equal("versions of the first blocks", versions(image, READ), {1})
        check.equal("versions of those at the jump", versions(image, WRITTEN), {2})
        check.equal("versions of those after it", versions(image, LATE), {3})
    else:
        check.true("the drive lost its Bus Master bit", cleared)
        check.true("Bus Master of the drive is off", not path[-1].bus_master)
        vm.wait_for("the drive to fail", lambda: failed(path[-1]))
