# SPDX-License-Identifier: GPL-2.0
"""Live Update is off in the next kernel: it must not ignore devices that were handed over.

It sees in the data of KHO that devices were handed over, and acts by its policy. If there are
none, with or without other preserved files, it boots without a message.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vm import Expected, Guest, Machine, Vm, check, contain, endpoint, root_port, sample
from vm.trace import Mark

MACHINE = Machine(devices=[root_port("rp0", "4"), endpoint("ep0", "rp0")])

TOKEN = 1
WARNING = 4
PANIC = "PCI Live Update"
DIAGNOSIS = "handover refused: expected none with liveupdate=off, found devices"


@dataclass(frozen=True)
class Case:
    """What is handed over, and the policy of the kernel that gets it."""

    policy: str
    device: bool = True
    state: bool = True

    @property
    def expected(self) -> Sequence[Expected]:
        """On the console."""
        if self.policy == "panic" and self.device:
            return Expected(f"Kernel panic - not syncing: {PANIC}"), Expected("Call Trace:", None)
        return ()


CASES = {
    "panic": Case("panic"),
    "contain": Case("contain"),
    "ignore": Case("ignore"),
    "no-device": Case("panic", device=False),
    "nothing": Case("panic", device=False, state=False),
}


def refused(vm: Vm) -> None:
    """The current or last kernel logged the reason once."""
    lines = vm.console.matches(DIAGNOSIS, vm.console.kernels()[-1])
    check.equal("lines with the diagnosis", len(lines), 1)


def goes_on(vm: Vm, new: Guest, case: Case, bdf: str, jump: Mark) -> None:
    """With Live Update off."""
    check.equal("live updates", new.hello.live_updates, None)
    check.empty("incoming", new.incoming())
    if not case.device:
        worrying = new.said("pci_liveupdate", WARNING)
        check.empty("warnings of the core", worrying)
    else:
        refused(vm)
    if case.device and case.policy == "contain":
        contain.contained(vm, new, jump)
    elif case.device:
        check.true("Bus Master of the device is on", new.pci(bdf).bus_master)
    check.true("it is bound like any other", sample.bind(new, bdf)[0].driver)


def story(vm: Vm, case: Case) -> None:
    old = vm.boot()
    (device,) = sample.bind(old, "ep0")
    if case.state:
        session = old.create_session()
        session.save({"passengers": int(case.device)})
        if case.device:
            sample.preserve(session, device, TOKEN)
    arguments = f"liveupdate=off pci_liveupdate={case.policy}"
    if case.expected:
        vm.jump_into_panic(PANIC, arguments)
        refused(vm)
        return
    jump: list[Mark] = []
    new = vm.jump(arguments, at_jump=lambda: jump.append(vm.trace.mark()))
    goes_on(vm, new, case, device.bdf, jump[0])
