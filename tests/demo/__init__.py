# SPDX-License-Identifier: GPL-2.0
"""A network card that keeps receiving while the kernel is replaced.

    frames   what is sent: numbered, and checked by whoever receives them
    sender   sends them, so many a second
    ring     the receive ring in guest memory, seen from the host
    card     the card and its driver, seen from user space of the guest
    run      one machine, from its first frame to its verdict
    show     what a person sees meanwhile
    picture  what is left of it

    demo.py ── run ── sender ──> cable ──> card ──> ring <── the host looks on
"""
