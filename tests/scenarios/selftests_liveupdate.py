# SPDX-License-Identifier: GPL-2.0
"""The kernel's own selftests of Live Update pass, those over kexec as well.

Each of these has two stages. In the first one it leaves a process that holds its sessions; in the
second one it looks for what it left. All of them share one kexec.
"""

from vm import Machine, Vm, check, kselftest

FOLDER = f"{kselftest.FOLDER}/liveupdate"
PLAIN = f"{FOLDER}/liveupdate"
OVER_KEXEC = {
    f"{FOLDER}/luo_kexec_simple": "SIMPLE KEXEC TEST PASSED",
    f"{FOLDER}/luo_multi_session": "MULTI-SESSION KEXEC TEST PASSED",
    f"{FOLDER}/luo_stress_files": "MANY-FILES KEXEC TEST PASSED (500 files)",
    f"{FOLDER}/luo_stress_sessions": "MANY-SESSIONS KEXEC TEST PASSED (2000 sessions)",
}
MACHINE = Machine(programs=[PLAIN, *OVER_KEXEC])


def story(vm: Vm) -> None:
    old = vm.boot()
    kselftest.passed(vm, kselftest.run(old, PLAIN))
    for program in OVER_KEXEC:
        vm.step(f"{program} prepares")
        kselftest.run(old, program, "-s", "1").returned(kselftest.PASS)

    new = vm.live_update()
    for program, verdict in OVER_KEXEC.items():
        stage = kselftest.run(new, program, "-s", "2")
        stage.returned(kselftest.PASS)
        check.contains(f"what {stage.program} says", "\n".join(stage.lines), verdict)
        vm.remark(f"{stage.program}: passed")
    kselftest.passed(vm, kselftest.run(new, PLAIN))
