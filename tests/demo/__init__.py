# SPDX-License-Identifier: GPL-2.0
"""A network card that keeps receiving while the kernel is replaced.

    frames   the frames: numbered, and checked on arrival
    sender   sends them at a fixed rate
    ring     the receive ring in guest memory, read by the host
    card     the card with the driver in the kernel, as user space of the guest sees it
    vfio_card  the card with a driver in user space
    driver   the choice between the two
    run      one machine, from its first frame to its result
    show     the output on the terminal
    picture  the result as a picture

    demo.py ── run ── sender ──> link ──> card ──> ring <── read by the host
"""
