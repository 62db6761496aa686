# SPDX-License-Identifier: GPL-2.0
"""One machine, kexec after kexec: nothing may be lost, and nothing may pile up.

    plan     the machine, and what each kernel of a round does
    kernel   one kernel, from its arrival to the next jump, and its figures
    log      the figures of all jumps, kept so that a run that was killed goes on
    drift    what the figures say

    soak.py ── kernel ── live update ── kernel ── live update ── ...
"""
