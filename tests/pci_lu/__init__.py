# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/pci-lu: on systems and images that exist in a temporary directory only."""
