# SPDX-License-Identifier: GPL-2.0
"""How often it was tried to break the core, and what came of it.

    page.py   what the commands left in the cache (vm/left.py), as a page of Documentation/
    tried.py  the command line, which keeps it here
"""
