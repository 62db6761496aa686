# SPDX-License-Identifier: GPL-2.0
"""Ten kernels in a row, of other configurations: nothing is lost, and nothing piles up.

They know other formats and options, and preserve, finish, drop and forget other devices.
`make soak` does this for hours, and sees what becomes of free memory.
"""

from jumps import plan
from jumps.kernel import Soak

from vm import Vm

MACHINE = plan.machine()


def story(vm: Vm) -> None:
    soak = Soak(vm, number=0, machine=1)
    soak.begin()
    for _ in plan.ROUND:
        figures = soak.jump()
        vm.step(str(figures))
