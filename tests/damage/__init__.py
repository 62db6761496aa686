# SPDX-License-Identifier: GPL-2.0
"""A handover in which one byte is another, between two kernels: byte after byte.

    handed     what is handed over, and what its bytes are
    model      what a kernel has to make of them: decoded once more, independently of it
    outcome    what the kernel made of them: its log, and the registers that it wrote
    attempt    one byte, on a machine that is put back afterwards (vm/rewind.py), or in a real boot
    corrupt.py all of it
"""
