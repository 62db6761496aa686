# SPDX-License-Identifier: GPL-2.0
"""A network card that keeps receiving while the kernel is replaced.

    frames   the frames: numbered, and checked on arrival
    sender   sends them at a fixed rate
    ring     the receive ring in guest memory, read by the host
    card     the card and its driver, as user space of the guest sees them
    run      one machine, from its first frame to its result
    show     the output on the terminal
    picture  the result as a picture

    demo.py ── run ── sender ──> link ──> card ──> ring <── read by the host
"""
