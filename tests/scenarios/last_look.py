# SPDX-License-Identifier: GPL-2.0
"""The old kernel checks its handover once more during kexec, and logs what is wrong.

The host changes the array before the first device is shut down. Kexec cannot be stopped any
more, but the log of the old kernel shows the cause.
"""

from vm import Machine, Vm, check, endpoint, handover, root_port, sample
from vm.vm import SHUTDOWN

MACHINE = Machine(devices=[root_port("rp0", "4"), endpoint("ep0", "rp0")])

TOKEN = 1
ALARM = "pci_liveupdate: the next kernel will refuse the handover: "
REFUSAL = "pci_liveupdate: handover refused: "
# Offset in the array: the number of used entries.
NR_DEVICES = 4
FAULT = f"pci-v3: at offset {NR_DEVICES}: expected nr_devices = 2, .*, found 3"


def story(vm: Vm) -> None:
    old = vm.boot()
    (device,) = sample.bind(old, "ep0")
    sample.preserve(old.create_session(), device, TOKEN)
    luo = old.outgoing_luo()

    def damage() -> None:
        array = handover.pci_array(vm.ram, luo)
        assert array
        check.equal("entries in use", array.nr_devices, 2)
        check.equal("alarms so far", vm.console.matches(ALARM, vm.console.lines()), [])
        vm.ram.write(array.address + NR_DEVICES, (array.nr_devices + 1).to_bytes(4, "little"))

    new = vm.live_update("pci_liveupdate=ignore", at_jump=damage, stop_at=SHUTDOWN)
    before, after = vm.console.kernels()

    vm.step("the old kernel has said it once, and the new one is of the same opinion")
    check.equal("alarms", len(vm.console.matches(ALARM + FAULT, before)), 1)
    check.equal("refusals", len(vm.console.matches(REFUSAL + FAULT, after)), 1)
    check.empty("alarms of the new kernel", vm.console.matches(ALARM, after))
    check.empty("incoming", new.incoming())
