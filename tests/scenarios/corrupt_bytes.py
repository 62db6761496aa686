# SPDX-License-Identifier: GPL-2.0
"""Single bytes of a handover are changed: it is refused, or the change means what it has to.

Three devices behind a switch are handed over in both formats, or in one, with their record or
without. `make corrupt` changes all bytes that mean something; here, it is a sample of them.
"""

from damage import attempt
from damage.attempt import Attempts, Case

from vm import Vm

MACHINE = attempt.MACHINE
CASES = attempt.CASES


def story(vm: Vm, case: Case) -> None:
    Attempts(vm, case, attempt.SHORT).run()
