# SPDX-License-Identifier: GPL-2.0
"""The core, broken on purpose."""
