#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The command line of the virtual machine tests."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from vm.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
