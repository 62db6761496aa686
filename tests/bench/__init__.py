# SPDX-License-Identifier: GPL-2.0
"""What the core costs: instructions, configuration accesses, bytes.

    bench.py ── machine   boots the kernel that counts, under icount
         │
         ├───── size      of the objects of the core, and of a kernel with and without it
         ├───── figures   what follows from what was measured
         ├───── record    the columns of results.json, and what may not grow
         └───── table     the same for a reader

The half that runs in the kernel is C: see bench.h.
"""
