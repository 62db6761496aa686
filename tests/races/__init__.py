# SPDX-License-Identifier: GPL-2.0
"""Everything at the same time, on four CPUs, with a kernel that detects data races.

    machine  the devices, and which of them are whose
    script   what a thread of the guest repeats, and what came of it
    actors   the threads: who does what, in an order that a seed decides
    slots    the host, which plugs and unplugs a device meanwhile
    storm    all of them in rounds, and what must be so in between
    kcsan    reads the reports of data races
    known    races of the unchanged kernel in functions that we change
    source   whose code a line of the kernel is

    races.py ── storm ── actors, slots ── at rest ── ... ── live update
        └────── kcsan ── source
"""
